"""System calls through the C library and ctypes.

`PyDLL` is used rather than `CDLL`: it keeps the interpreter lock during the call. The launcher has one thread, so
releasing it would buy nothing, and a child made by clone(2) must not inherit a lock that nobody will give back.
"""

from __future__ import annotations

import ctypes
import os

_libc = ctypes.PyDLL(None, use_errno=True)

# Numbers of the calls that the C library does not wrap: asm/unistd.h, asm-generic/unistd.h (arm64)
_NUMBERS = {
    "x86_64": {"clone": 56, "pivot_root": 155, "capset": 126},
    "aarch64": {"clone": 220, "pivot_root": 41, "capset": 91},
}
# One table for all architectures since Linux 5.1
OPEN_TREE = 428
MOVE_MOUNT = 429
CLOSE_RANGE = 436
MOUNT_SETATTR = 442

_numbers = _NUMBERS.get(os.uname().machine, {})
CLONE = _numbers.get("clone", -1)
PIVOT_ROOT = _numbers.get("pivot_root", -1)
CAPSET = _numbers.get("capset", -1)

_libc.syscall.restype = ctypes.c_long
_libc.mount.argtypes = (
    ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p,
)  # fmt: skip
_libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)

_mount = _libc.mount
_prctl = _libc.prctl
_syscall = _libc.syscall
unshare_call = _libc.unshare
umount2_call = _libc.umount2
sethostname_call = _libc.sethostname
setns_call = _libc.setns


def check(result: int) -> int:
    """Return the result of a call, or raise OSError from errno when it is negative."""
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return result


def syscall(number: int, *arguments: object) -> int:
    """Make a system call by number; integers are passed as longs, bytes as pointers.

    Raises
    ------
    OSError
        As the kernel answered; ENOSYS when the call is unknown on this architecture.
    """
    return check(_syscall(ctypes.c_long(number), *[ctypes.c_long(a) if isinstance(a, int) else a for a in arguments]))


def mount(source: str | None, target: str, fstype: str | None, flags: int, data: str | None) -> None:
    """mount(2)."""
    number = try_mount(source, target, fstype, flags, data)
    if number:
        raise OSError(number, os.strerror(number))


def try_mount(source: str | None, target: str, fstype: str | None, flags: int, data: str | None) -> int:
    """mount(2), where refusal is expected: return 0 or the errno. An exception would cost ten times the call."""
    done = _mount(
        None if source is None else source.encode(),
        os.fsencode(target),
        None if fstype is None else fstype.encode(),
        flags,
        None if data is None else os.fsencode(data),
    )
    return ctypes.get_errno() if done < 0 else 0


def prctl(option: int, arg2: int = 0, arg3: int = 0, arg4: int = 0, arg5: int = 0) -> int:
    """prctl(2)."""
    return check(_prctl(option, arg2, arg3, arg4, arg5))
