"""Noticing that a client has gone, without reading from its socket."""

from __future__ import annotations

import asyncio
import contextlib
import select
import socket
from collections.abc import Callable, Iterator


class Hangups:
    """Watches connections for the end of both directions: EPOLLHUP of epoll_ctl(2).

    Reading would not do: what can be read may be a client's next request, and a client that has closed only its
    sending side (EPOLLRDHUP) still listens. epoll always reports EPOLLHUP, so no other event is asked for. The epoll
    instance itself is watched by the event loop: one descriptor for all connections.
    """

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._told: dict[int, Callable[[], object]] = {}
        asyncio.get_running_loop().add_reader(self._epoll.fileno(), self._poll)

    @contextlib.contextmanager
    def watch(self, sock: socket.socket, gone: Callable[[], object]) -> Iterator[None]:
        """Have a function called, once, when the other end of a stream socket hangs up.

        The socket must stay open until the context ends.
        """
        descriptor = sock.fileno()
        self._told[descriptor] = gone
        self._epoll.register(descriptor, select.EPOLLONESHOT)
        try:
            yield
        finally:
            self._epoll.unregister(descriptor)
            del self._told[descriptor]

    def _poll(self) -> None:
        for descriptor, _ in self._epoll.poll(0):
            self._told[descriptor]()

    def close(self) -> None:
        """Stop watching."""
        asyncio.get_running_loop().remove_reader(self._epoll.fileno())
        self._epoll.close()
