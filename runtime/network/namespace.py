"""Network namespaces: make one, and act within one. Only threads that end afterwards ever change namespace.

setns(2) moves the calling thread alone. A thread that came back could fail to, and leave the daemon with a thread in
a container's network; one that ends cannot. Starting it costs some 0.1 ms.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from typing import TypeVar

from runtime.abi import CLONE_NEWNET
from runtime.kernel.calls import unshare
from runtime.network.errors import refused

T = TypeVar("T")

_OWN = "/proc/thread-self/ns/net"


def new_namespace() -> int:
    """Make a network namespace with a loopback interface that is down.

    Returns
    -------
    int
        A close-on-exec descriptor, which the caller closes. The namespace lives as long as a descriptor, a process
        or a mount holds it; a new process enters by setns(2).

    Raises
    ------
    NetworkError
        `PrivilegeError` without CAP_SYS_ADMIN; ENOSPC beyond ``/proc/sys/user/max_net_namespaces``.
    """

    def make() -> int:
        unshare(CLONE_NEWNET)
        return os.open(_OWN, os.O_RDONLY | os.O_CLOEXEC)

    try:
        return in_thread(make)
    except OSError as error:
        raise refused("make", "network namespace", error.errno or 0) from error


def open_namespace(pid: int) -> int:
    """Open the network namespace of a process.

    Parameters
    ----------
    pid : int
        A process that the caller knows to be alive: it must hold a pidfd, or be its parent.

    Returns
    -------
    int
        A close-on-exec descriptor, which the caller closes.

    Raises
    ------
    NetworkError
        The process ended, or may not be looked at.
    """
    try:
        return os.open(f"/proc/{pid}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise refused("open the network namespace of process", str(pid), error.errno or 0) from error


def inside(namespace: int, action: Callable[[], T]) -> T:
    """Do something in a network namespace, in a thread that ends with it.

    Parameters
    ----------
    namespace : int
        Descriptor of the namespace.
    action : callable
        Called in the namespace. Sockets that it makes belong there for good, and /proc/sys/net shows its settings.

    Returns
    -------
    object
        What the action returned.

    Raises
    ------
    NetworkError
        The namespace could not be entered; `PrivilegeError` without CAP_SYS_ADMIN.
    """
    from pyroute2 import netns  # 9 MiB: loaded by the first container that has a network

    def act() -> T:
        try:
            netns.setns(namespace)
        except OSError as error:
            raise refused("enter the network namespace", f"descriptor {namespace}", error.errno or 0) from error
        return action()

    return in_thread(act)


def in_thread(action: Callable[[], T]) -> T:
    """Call in a new thread of the caller's namespace, wait for it, and return or raise what it did."""
    results: list[T] = []
    failures: list[BaseException] = []

    def run() -> None:
        try:
            results.append(action())
        except BaseException as error:  # raised again below, in the caller's thread
            failures.append(error)

    thread = threading.Thread(target=run, name="namespace")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return results[0]
