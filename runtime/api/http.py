"""The HTTP server: a task that accepts, and a task for every connection.

The parts: `runtime.api.listener` makes the socket, `runtime.api.connection` speaks HTTP on one connection,
`runtime.api.router` finds handlers, `runtime.api.message` is what handlers get and give.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from runtime.api.connection import Application, Connection
from runtime.api.hangup import Hangups
from runtime.api.listener import Listener
from runtime.api.message import Exchange

LOG = logging.getLogger(__name__)

ACCEPT_PAUSE_S = 0.2
GRACE_S = 10.0


class HttpServer:
    """Serves an application on a listener's socket, from its making in a running event loop until it is closed.

    Parameters
    ----------
    listener : Listener
        Closed with the server.
    application : Application
        Answers the requests.
    trace : callable, optional
        Told of every exchange when its answer has ended; must neither raise nor block.
    """

    def __init__(
        self, listener: Listener, application: Application, trace: Callable[[Exchange], None] | None = None
    ) -> None:
        self._listener = listener
        self._application = application
        self._trace = trace
        self._hangups = Hangups()
        self._connections: dict[asyncio.Task[None], Connection] = {}
        self._accepting = asyncio.create_task(self._accept(), name="accept")

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                sock, _ = await loop.sock_accept(self._listener.socket)
            except OSError as error:  # no descriptors left, most likely: those who wait are served when there are
                LOG.warning("cannot accept a connection: %s", error)
                await asyncio.sleep(ACCEPT_PAUSE_S)
                continue
            connection = Connection(sock, self._application, self._hangups, self._trace)
            task = asyncio.create_task(connection.run(), name="connection")
            self._connections[task] = connection
            task.add_done_callback(self._forget)

    def _forget(self, task: asyncio.Task[None]) -> None:
        del self._connections[task]
        if not task.cancelled() and (error := task.exception()):
            LOG.error("a connection ended for an unforeseen reason", exc_info=error)

    async def close(self) -> None:
        """Stop in order: no new connections; streams and idle clients end; a handler at work has 10 s to answer."""
        self._accepting.cancel()
        await asyncio.wait([self._accepting])
        self._listener.close()
        for task, connection in self._connections.items():
            connection.finish()
            if not connection.answering:
                task.cancel()
        await self._wait(GRACE_S)
        for task in self._connections:
            task.cancel()
        await self._wait(None)
        self._hangups.close()

    async def _wait(self, timeout_s: float | None) -> None:
        if self._connections:
            await asyncio.wait(set(self._connections), timeout=timeout_s)
