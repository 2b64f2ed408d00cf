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

    Everything is addressed relative to an open directory, so a name that is swapped for a symbolic link while this
    runs cannot lead elsewhere.
    """
    try:
        os.rmdir(path)  # the usual case: a container that wrote nothing
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        _empty(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC))
        os.rmdir(path)


def _empty(directory: int) -> None:
    """Remove all entries of an open directory and close it."""
    try:
        for name in os.listdir(directory):
            try:
                os.unlink(name, dir_fd=directory)
            except (IsADirectoryError, PermissionError):
                flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
                try:
                    child = os.open(name, flags, dir_fd=directory)
                except PermissionError:
                    # overlayfs makes its work/work with mode 000, which only its owner may open up
                    os.chmod(name, 0o700, dir_fd=directory)
                    child = os.open(name, flags, dir_fd=directory)
                _empty(child)
                os.rmdir(name, dir_fd=directory)
    finally:
        os.close(directory)
