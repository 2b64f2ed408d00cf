"""The vocabulary of a plan: every kernel call that an operation may name, and the function that makes it.

A plan is data, a list of (call, arguments). The launcher applies it by looking each call up here; tests apply it to a
recorder instead. The loopback interface, users and capabilities have their few calls here, everything larger has a
module of its own.
"""

from __future__ import annotations

import _socket  # the C module itself: `socket` would cost the launcher 1 MiB and 6 ms for classes it never uses
import os
import resource
import struct
from collections.abc import Callable
from fcntl import ioctl

from runtime.abi import PR_CAPBSET_DROP
from runtime.kernel import libc
from runtime.kernel.console import open_console
from runtime.kernel.files import make_folder, make_mount_point, remove_tree, require_folder, write_file
from runtime.kernel.mounts import (
    mask_path,
    move_mount,
    open_tree,
    pivot_root,
    readonly_path,
    set_tree_readonly,
    umount2,
)
from runtime.kernel.process import execute, fork_sibling

_SIOCSIFFLAGS = 0x8914  # linux/sockios.h
_IFF_UP = 0x1  # linux/if.h
_CAPABILITY_VERSION_3 = 0x20080522  # linux/capability.h


def unshare(flags: int) -> None:
    """unshare(2)."""
    libc.check(libc.unshare_call(flags))


def setns(descriptor: int, flags: int) -> None:
    """setns(2), with a pidfd since Linux 5.8."""
    libc.check(libc.setns_call(descriptor, flags))


def join_namespace(path: str, flag: int) -> None:
    """Enter a namespace by its file, such as ``/proc/PID/ns/net``: setns(2)."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        setns(descriptor, flag)
    finally:
        os.close(descriptor)


def setrlimit(kind: int, soft: int, hard: int) -> None:
    """setrlimit(2); -1 is no limit."""
    resource.setrlimit(kind, (soft, hard))


def sethostname(name: str) -> None:
    """sethostname(2)."""
    encoded = name.encode()
    libc.check(libc.sethostname_call(encoded, len(encoded)))


def set_link_up(name: str) -> None:
    """Bring a network interface up: SIOCSIFFLAGS, netdevice(7)."""
    with_flags = struct.pack("16sH14x", name.encode(), _IFF_UP)
    channel = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        ioctl(channel.fileno(), _SIOCSIFFLAGS, with_flags)
    finally:
        channel.close()


def drop_bounding(capabilities: tuple[int, ...]) -> None:
    """Take capabilities, by number, out of the bounding set: capabilities(7)."""
    for capability in capabilities:
        libc.prctl(PR_CAPBSET_DROP, capability)


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Set the capability sets, each a bit mask: capset(2)."""
    low = 0xFFFFFFFF
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    data = struct.pack(
        "6I",
        effective & low, permitted & low, inheritable & low,
        effective >> 32, permitted >> 32, inheritable >> 32,
    )  # fmt: skip
    libc.syscall(libc.CAPSET, header, data)


def prctl(option: int, argument: int) -> None:
    """prctl(2) with one argument."""
    libc.prctl(option, argument)


CALLS: dict[str, Callable[..., object]] = {
    "mkdir": os.mkdir,
    "rmdir": os.rmdir,
    "mknod": os.mknod,
    "symlink": os.symlink,
    "write_file": write_file,
    "remove_tree": remove_tree,
    "mount": libc.mount,
    "umount2": umount2,
    "pivot_root": pivot_root,
    "open_tree": open_tree,
    "move_mount": move_mount,
    "mask_path": mask_path,
    "readonly_path": readonly_path,
    "unshare": unshare,
    "setns": setns,
    "join_namespace": join_namespace,
    "fork_sibling": fork_sibling,
    "make_folder": make_folder,
    "make_mount_point": make_mount_point,
    "require_folder": require_folder,
    "set_tree_readonly": set_tree_readonly,
    "setrlimit": setrlimit,
    "open_console": open_console,
    "sethostname": sethostname,
    "set_link_up": set_link_up,
    "prctl": prctl,
    "drop_bounding": drop_bounding,
    "capset": capset,
    "setgroups": os.setgroups,
    "setresgid": os.setresgid,
    "setresuid": os.setresuid,
    "setsid": os.setsid,
    "umask": os.umask,
    "chdir": os.chdir,
    "execute": execute,
}
