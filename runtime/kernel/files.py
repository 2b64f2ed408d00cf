"""Files that the launch makes, writes and removes."""

from __future__ import annotations

import errno
import os


def write_file(path: str, data: str) -> None:
    """Write to an existing file in one write(2), as files of procfs and cgroupfs want it."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, data.encode())
    finally:
        os.close(descriptor)


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
