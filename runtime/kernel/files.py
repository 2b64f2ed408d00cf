"""Files that the launch makes, writes and removes."""

from __future__ import annotations

import errno
import os
import stat


def write_file(path: str, data: str) -> None:
    """Write to an existing file in one write(2), as files of procfs and cgroupfs want it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, data.encode())
    finally:
        os.close(descriptor)


def make_mount_point(path: str, like: int) -> None:
    """Make what a mount is attached to, unless it is there: a folder or an empty file, with its folders.

    Parameters
    ----------
    path : str
        Absolute, inside the root that was entered: symbolic links lead nowhere else.
    like : int
        Descriptor of what will be attached; a folder is made for a folder.
    """
    if stat.S_ISDIR(os.fstat(like).st_mode):
        os.makedirs(path, 0o755, exist_ok=True)
        return
    os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
    if not os.path.lexists(path):
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644))


def make_folder(path: str) -> None:
    """Make a folder with those above it, unless it is there."""
    os.makedirs(path, 0o755, exist_ok=True)


def require_folder(path: str) -> None:
    """Make a folder for one of the kernel's file systems, and refuse one that is a symbolic link.

    An image whose /proc is a link would have its processes look at something else than what is mounted and masked
    (CVE-2019-19921).

    Raises
    ------
    OSError
        ENOTDIR when it is a link or a file.
    """
    try:
        os.mkdir(path, 0o755)
    except FileExistsError:
        if not stat.S_ISDIR(os.lstat(path).st_mode):
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path) from None


def remove_tree(path: str) -> None:
    """Remove a directory and all below it, following no symbolic link; an absent one is no error.

    Names are addressed relative to open directories, so one that is swapped for a symbolic link while this runs cannot
    lead elsewhere. A directory within a directory is brought up to the top and emptied there: neither stack nor
    descriptors grow with the depth that a container has chosen for its tree.
    """
    try:
        os.rmdir(path)  # the usual case: a container that wrote nothing
        return
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    top = os.open(path, _DIRECTORY)
    try:
        brought_up = 0
        while names := os.listdir(top):
            for name in names:
                if not _remove(name, top):
                    brought_up = _empty(name, top, brought_up)
                    os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    os.rmdir(path)


_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def _remove(name: str, directory: int) -> bool:
    """Remove one entry; returns whether it is gone, that is, was no directory that holds something."""
    try:
        os.unlink(name, dir_fd=directory)
    except (IsADirectoryError, PermissionError):  # what unlink(2) says of a directory, here and elsewhere
        try:
            os.rmdir(name, dir_fd=directory)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                return False
            raise
    return True


def _empty(name: str, top: int, brought_up: int) -> int:
    """Empty a directory, bringing those in it up to `top`; returns how many there have been in all."""
    # its owner may have made it unreadable, as overlayfs does with its work/work; O_PATH needs no permission
    with_path = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=top)
    try:
        os.chmod(f"/proc/self/fd/{with_path}", 0o700)
        directory = os.open(".", _DIRECTORY, dir_fd=with_path)
    finally:
        os.close(with_path)
    try:
        for entry in os.listdir(directory):
            if not _remove(entry, directory):
                below = os.open(entry, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
                os.chmod(f"/proc/self/fd/{below}", 0o700)  # a directory that moves is written to: its ".." changes
                os.close(below)
                brought_up += 1
                os.rename(entry, f".brought-up-{brought_up}", src_dir_fd=directory, dst_dir_fd=top)
    finally:
        os.close(directory)
    return brought_up
