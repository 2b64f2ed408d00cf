"""HTTP/1.1 on one non-blocking socket: h11, which does no input or output, and the input and output that it needs."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator
from http import HTTPStatus

import h11

from runtime.api.message import TEXT, BodyError

READ_BYTES = 256 * 1024
FAIR_BYTES = 4096
HEAD_BYTES = 128 * 1024  # request line and headers; filters can be long
HEAD_TIMEOUT_S = 30.0  # from its first byte
UNREAD_BYTES = 256 * 1024  # of a body that nobody read; more is not worth keeping the connection
LINGER_S = 1.0

_PEER = struct.Struct("3i")  # struct ucred, unix(7)


class Wire:
    """The server's end of a connection.

    Parameters
    ----------
    sock : socket.socket
        Non-blocking; the caller closes it.

    Attributes
    ----------
    socket : socket.socket
        As given.
    client_pid : int
        The process that connected (SO_PEERCRED); 0 when it cannot be seen from here.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.socket = sock
        self.client_pid: int = _PEER.unpack(sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size))[0]
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)

    @property
    def unanswered(self) -> bool:
        """Whether nothing of an answer was sent yet."""
        return self._http.our_state in (h11.IDLE, h11.SEND_RESPONSE)

    def next_cycle(self) -> bool:
        """Make ready for another request; false when either side does not want one."""
        if self._http.our_state is self._http.their_state is h11.DONE:
            self._http.start_next_cycle()
            return True
        return False

    async def read_head(self) -> h11.Request | None:
        """Wait for a request as long as it takes, but for the rest of one that has begun only so long.

        Raises
        ------
        h11.RemoteProtocolError
            What came is no HTTP, or its end did not come in time.
        """
        if not self._http.trailing_data[0]:
            self._http.receive_data(await self._receive())
        try:
            async with asyncio.timeout(HEAD_TIMEOUT_S):
                event = await self._next_event()
        except TimeoutError as error:
            raise h11.RemoteProtocolError("the request's head did not come", error_status_hint=408) from error
        return event if isinstance(event, h11.Request) else None

    async def body(self) -> AsyncIterator[bytes]:
        """Read the request's body as it arrives, having told the client to send it if it waits for that.

        Raises
        ------
        BodyError
            It does not come as declared.
        """
        while self._http.their_state is h11.SEND_BODY:
            if self._http.they_are_waiting_for_100_continue:
                await self.send(h11.InformationalResponse(status_code=100, headers=[], reason=b"Continue"))
            try:
                event = await self._next_event()
            except h11.RemoteProtocolError as error:
                raise BodyError(str(error)) from error
            if isinstance(event, h11.Data):
                yield bytes(event.data)

    async def discard_body(self) -> bool:
        """Read past what a handler left of the body; false if that is too much, or the client was not asked for it."""
        unread_bytes = 0
        while self._http.their_state is h11.SEND_BODY:
            if self._http.they_are_waiting_for_100_continue or unread_bytes > UNREAD_BYTES:
                return False
            try:
                async with asyncio.timeout(LINGER_S):
                    event = await self._next_event()
            except TimeoutError:
                return False
            unread_bytes += len(event.data) if isinstance(event, h11.Data) else 0
        return True

    async def send(self, *events: h11.Event) -> None:
        """Send parts of an answer, waiting while the client is slow."""
        await self.send_raw(b"".join(self._http.send(event) or b"" for event in events))

    async def send_raw(self, data: bytes) -> None:
        """Send bytes that are not HTTP, or no longer."""
        if data:
            await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def complain(self, status: int, reason: str) -> None:
        """Answer what is not HTTP, as far as that can be answered, and end."""
        if self.unanswered:
            line = f"{status} {HTTPStatus(status).phrase}"
            head = f"HTTP/1.1 {line}\r\nContent-Type: {TEXT}\r\nConnection: close\r\n\r\n"
            await self.send_raw(f"{head}{line}: {reason}".encode())
            await self.linger()

    async def linger(self) -> None:
        """Let a client that still sends read the answer: closing at once would reset the connection under it."""
        with contextlib.suppress(TimeoutError, OSError):
            self.socket.shutdown(socket.SHUT_WR)
            async with asyncio.timeout(LINGER_S):
                while await self._receive():
                    pass

    def give_away(self) -> tuple[int, bytes]:
        """Let go of the socket: its descriptor, and what the client sent after its request."""
        return self.socket.detach(), bytes(self._http.trailing_data[0])

    async def _next_event(self) -> h11.Event | type[h11.PAUSED]:
        while True:
            event = self._http.next_event()
            if isinstance(event, type) and issubclass(event, h11.NEED_DATA):
                self._http.receive_data(await self._receive())
            else:
                return event

    async def _receive(self) -> bytes:
        """Read what is there, or wait for something; empty at the end of what the client sends."""
        data = await asyncio.get_running_loop().sock_recv(self.socket, READ_BYTES)
        if len(data) > FAIR_BYTES:  # an upload: sock_recv never waits for a client that is faster than we are
            await asyncio.sleep(0)
        return data
