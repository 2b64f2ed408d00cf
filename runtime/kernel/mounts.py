"""Mounts: mount(2), the mount API of Linux 5.2, pivot_root(2)."""

from __future__ import annotations

import errno
import os
import struct

from runtime.abi import (
    AT_EMPTY_PATH,
    AT_RECURSIVE,
    MOUNT_ATTR_RDONLY,
    MOVE_MOUNT_F_EMPTY_PATH,
    MS_BIND,
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_REC,
    MS_REMOUNT,
    OPEN_TREE_CLONE,
)
from runtime.kernel import libc

_AT_FDCWD = -100
_GUARDED = MS_NOSUID | MS_NODEV | MS_NOEXEC


def umount2(target: str, flags: int) -> None:
    """umount2(2)."""
    libc.check(libc.umount2_call(os.fsencode(target), flags))


def pivot_root(new_root: str, put_old: str) -> None:
    """pivot_root(2)."""
    libc.syscall(libc.PIVOT_ROOT, os.fsencode(new_root), os.fsencode(put_old))


def open_tree(path: str, descriptor: int, flags: int = 0) -> None:
    """Take a detached copy of a mount, at a descriptor number that the plan chose: open_tree(2), Linux 5.2.

    AT_RECURSIVE in `flags` takes along what is mounted below it.
    """
    made = libc.syscall(libc.OPEN_TREE, _AT_FDCWD, os.fsencode(path), OPEN_TREE_CLONE | os.O_CLOEXEC | flags)
    os.dup2(made, descriptor, inheritable=False)
    os.close(made)


def set_tree_readonly(descriptor: int) -> None:
    """Make a detached mount, and all that was taken along, read-only: mount_setattr(2), Linux 5.12."""
    attributes = struct.pack("=4Q", MOUNT_ATTR_RDONLY, 0, 0, 0)
    flags = AT_EMPTY_PATH | AT_RECURSIVE
    libc.syscall(libc.MOUNT_SETATTR, descriptor, b"", flags, attributes, len(attributes))


def readonly_clone(path: str) -> int | None:
    """Open a private, read-only view of one file: open_tree(2), mount_setattr(2), Linux 5.12.

    A program that is executed through it cannot be changed through ``/proc/PID/exe`` by anyone who can only reach it
    there, not even in its mode (CVE-2019-5736: a container that is made to execute ``/proc/self/exe`` holds its
    launcher's program in its hands).

    Returns
    -------
    int or None
        A descriptor; None where the kernel or this user's privileges do not allow it.
    """
    try:
        tree = libc.syscall(
            libc.OPEN_TREE, _AT_FDCWD, os.fsencode(os.path.realpath(path)), OPEN_TREE_CLONE | os.O_CLOEXEC
        )
    except OSError:
        return None
    try:
        # struct mount_attr: attr_set, attr_clr, propagation, userns_fd
        attributes = struct.pack("=4Q", MOUNT_ATTR_RDONLY, 0, 0, 0)
        libc.syscall(libc.MOUNT_SETATTR, tree, b"", AT_EMPTY_PATH, attributes, len(attributes))
    except OSError:
        os.close(tree)
        return None
    return tree


def move_mount(descriptor: int, target: str) -> None:
    """Attach a detached mount at a path and close its descriptor: move_mount(2), Linux 5.2."""
    libc.syscall(libc.MOVE_MOUNT, descriptor, b"", _AT_FDCWD, os.fsencode(target), MOVE_MOUNT_F_EMPTY_PATH)
    os.close(descriptor)


def mask_path(path: str) -> None:
    """Make a path unreadable: a file by binding /dev/null over it, a directory by an empty read-only tmpfs.

    A path that does not exist needs no mask. /dev must be the container's own and fresh (CVE-2025-31133: a
    container that can replace /dev/null chooses what is bound).
    """
    number = libc.try_mount("/dev/null", path, None, MS_BIND, None)
    if number == errno.ENOTDIR:
        number = libc.try_mount("tmpfs", path, "tmpfs", MS_RDONLY | _GUARDED, "size=0k,nr_inodes=1")
    if number not in (0, errno.ENOENT):
        raise OSError(number, os.strerror(number))


def readonly_path(path: str) -> None:
    """Make a path read-only for all below it: a bind mount on itself, then a read-only remount."""
    number = libc.try_mount(path, path, None, MS_BIND | MS_REC, None)
    if number == errno.ENOENT:
        return
    if number:
        raise OSError(number, os.strerror(number))
    libc.mount(None, path, None, MS_BIND | MS_REMOUNT | MS_RDONLY | _GUARDED, None)
