"""Processes: clone(2) with namespaces, descriptors, execution."""

from __future__ import annotations

import ctypes
import marshal
import os

from runtime.abi import CLONE_PARENT, CLONE_PIDFD
from runtime.kernel import libc

_SIGCHLD = 17
_pidfd = ctypes.c_int(-1)
_pidfd_address = ctypes.addressof(_pidfd)


def clone(flags: int) -> tuple[int, int]:
    """Make a child process in new namespaces, with fork(2) semantics: clone(2) with a null stack.

    The caller must have one thread only: the child is a copy of the calling thread, and none of the handlers that
    `os.fork` runs are run. It must end in `execute` or `os._exit`.

    Parameters
    ----------
    flags : int
        CLONE_NEW* flags; the exit signal and CLONE_PIDFD (Linux 5.2) are added.

    Returns
    -------
    tuple of int
        (pid, pidfd) in the parent, (0, -1) in the child. The descriptor is close-on-exec (clone(2)).

    Raises
    ------
    OSError
        EPERM without the privilege, ENOSPC beyond a limit on namespaces, EAGAIN beyond a limit on processes.
    """
    pid = libc.syscall(libc.CLONE, flags | CLONE_PIDFD | _SIGCHLD, 0, _pidfd_address, 0, 0)
    return (pid, _pidfd.value) if pid else (0, -1)


def fork_sibling(report: int) -> None:
    """Go on as a new process in the PID namespace that setns(2) has set for children; the caller itself ends.

    The new process is a child of the caller's parent (CLONE_PARENT), who reads its process id, as that parent sees it,
    negative, as the first frame of the report.

    Parameters
    ----------
    report : int
        Descriptor of the pipe that the launcher reads: a length of four bytes, then one `marshal` value.

    Raises
    ------
    OSError
        ENOMEM when the first process of that namespace has ended; EAGAIN beyond a limit.
    """
    pid = libc.syscall(libc.CLONE, CLONE_PARENT | _SIGCHLD, 0, 0, 0, 0)
    if pid:
        blob = marshal.dumps((-pid,))
        os.write(report, len(blob).to_bytes(4, "little") + blob)
        os._exit(0)


def close_from(first: int) -> None:
    """Close every descriptor from one on: close_range(2), Linux 5.9."""
    libc.syscall(libc.CLOSE_RANGE, first, 0xFFFFFFFF, 0)


def execute(arguments: tuple[str, ...], environment: tuple[str, ...]) -> None:
    """Replace this process by a program found through the PATH of its new environment: execve(2).

    Does not return.

    Parameters
    ----------
    arguments : tuple of str
        The program and its arguments, at least one.
    environment : tuple of str
        ``NAME=VALUE`` each.

    Raises
    ------
    OSError
        ENOENT when no file of that name was found, EACCES when one was found that cannot be executed, else as
        execve(2).
    """
    variables = dict(entry.partition("=")[::2] for entry in environment)
    program = arguments[0]
    if "/" in program:
        os.execve(program, arguments, variables)
    refusal: OSError = FileNotFoundError(2, os.strerror(2))
    for folder in variables.get("PATH", os.defpath).split(":"):
        try:
            os.execve(f"{folder or '.'}/{program}", arguments, variables)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            # as execvp(3): go on looking, but remember that there was one
            refusal = error
    raise refusal
