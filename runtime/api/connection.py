"""One client's connection: requests are read, given to the application, and its answers sent, one after the other."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Callable
from http import HTTPStatus
from typing import Protocol

import h11

from runtime.api.hangup import Hangups
from runtime.api.message import Answer, BodyError, Exchange, Headers, Hijack, Response, Stream
from runtime.api.wire import Wire
from runtime.errors import BadParameter

LOG = logging.getLogger(__name__)

HTTP_DATE = "%a, %d %b %Y %H:%M:%S GMT"
BODILESS = (204, 304)

_GONE = (BrokenPipeError, ConnectionResetError)


class Application(Protocol):
    """What answers requests: `runtime.api.router.Router`."""

    headers: Headers

    async def respond(self, exchange: Exchange, body: AsyncIterator[bytes]) -> Answer:
        """Answer a request; raises nothing but `BodyError`."""

    def refuse(self, error: Exception) -> Response:
        """Answer for what failed before anything was sent."""


class Connection:
    """A client's connection, from accept(2) until it is closed or given away.

    Parameters
    ----------
    sock : socket.socket
        Non-blocking; closed when `run` returns, unless a handler took it.
    application : Application
        Answers.
    hangups : Hangups
        Tells when the client has gone.
    trace : callable, optional
        Told of every exchange when its answer has ended.

    Attributes
    ----------
    answering : bool
        Whether a request is being answered, which is better not cancelled; not while a stream runs.
    """

    def __init__(
        self,
        sock: socket.socket,
        application: Application,
        hangups: Hangups,
        trace: Callable[[Exchange], None] | None,
    ) -> None:
        self._wire = Wire(sock)
        self._application = application
        self._hangups = hangups
        self._trace = trace
        self._closing = False
        self.answering = False

    def finish(self) -> None:
        """Let the answer that is being worked out be the last."""
        self._closing = True

    async def run(self) -> None:
        """Serve requests one after the other until either side has had enough."""
        with self._wire.socket, contextlib.suppress(*_GONE):
            try:
                while await self._exchange() and not self._closing and self._wire.next_cycle():
                    pass
            except h11.RemoteProtocolError as error:
                await self._wire.complain(error.error_status_hint, str(error))
            except BodyError as error:
                await self._wire.complain(400, str(error))

    async def _exchange(self) -> bool:
        """Serve one request; tell whether another may follow."""
        request = await self._wire.read_head()
        if request is None:
            return False
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in request.headers}
        method, target = request.method.decode("ascii"), request.target.decode("latin-1")
        exchange = Exchange(method, target, headers, self._wire.client_pid, time.monotonic())
        self.answering = True
        try:
            answer = await self._application.respond(exchange, self._wire.body())
            if isinstance(answer, Hijack):
                return await self._hand_over(answer, exchange)
            if isinstance(answer, Stream):
                return await self._send_stream(answer, exchange)
            return await self._send_response(answer, exchange)
        finally:
            self.answering = False
            exchange.duration_s = time.monotonic() - exchange.started_s
            if self._trace is not None:
                self._trace(exchange)

    async def _send_response(self, answer: Response, exchange: Exchange) -> bool:
        exchange.status = answer.status
        keep = await self._wire.discard_body()
        headers, body = answer.headers, answer.body
        if answer.status not in BODILESS:
            headers += (("Content-Length", str(len(body))),)
        head = self._head(answer.status, answer.content_type, headers, keep)
        sent = b"" if exchange.method == "HEAD" or answer.status in BODILESS else body
        await self._wire.send(head, h11.Data(data=sent), h11.EndOfMessage())
        if not keep:
            await self._wire.linger()
        return keep

    async def _send_stream(self, answer: Stream, exchange: Exchange) -> bool:
        """Send what the generator yields for as long as the client is there."""
        exchange.status = 200
        self.answering = False
        async with contextlib.aclosing(answer.chunks):
            try:
                async with asyncio.timeout(None) as listening:
                    with self._hangups.watch(self._wire.socket, lambda: listening.reschedule(0)):
                        await self._send_chunks(answer)
            except (*_GONE, BodyError):
                return False
            except Exception as error:
                if listening.expired():
                    return False
                if self._wire.unanswered:
                    return await self._send_response(self._application.refuse(error), exchange)
                LOG.warning("the answer to %s %s was cut short: %s", exchange.method, exchange.target, error)
                return False
        if await self._wire.discard_body():
            return True
        await self._wire.linger()
        return False

    async def _send_chunks(self, answer: Stream) -> None:
        head = self._head(200, answer.content_type, answer.headers, keep=True)
        if answer.at_once:
            await self._wire.send(head)
        async for chunk in answer.chunks:
            if self._wire.unanswered:
                await self._wire.send(head)
            if chunk:
                await self._wire.send(h11.Data(data=chunk))
                await asyncio.sleep(0)  # sending never waits for a client that is fast
        if self._wire.unanswered:
            await self._wire.send(head)
        await self._wire.send(h11.EndOfMessage())

    async def _hand_over(self, answer: Hijack, exchange: Exchange) -> bool:
        if not await self._wire.discard_body():
            too_much = BadParameter("take over", exchange.target, "the request has a body that is not read")
            return await self._send_response(self._application.refuse(too_much), exchange)
        if protocol := exchange.headers.get("upgrade"):
            exchange.status = 101
            upgrade = [("Content-Type", answer.content_type), ("Connection", "Upgrade"), ("Upgrade", protocol)]
            await self._wire.send(h11.InformationalResponse(status_code=101, headers=upgrade, reason=b"UPGRADED"))
        else:
            exchange.status = 200
            head = f"HTTP/1.1 200 OK\r\nContent-Type: {answer.content_type}\r\n\r\n"
            await self._wire.send_raw(head.encode("latin-1"))
        await answer.take(*self._wire.give_away())
        return False

    def _head(self, status: int, content_type: str, headers: Headers, keep: bool) -> h11.Response:
        fields = [*self._application.headers, ("Date", time.strftime(HTTP_DATE, time.gmtime())), *headers]
        if content_type:
            fields.append(("Content-Type", content_type))
        if self._closing or not keep:
            fields.append(("Connection", "close"))
        return h11.Response(status_code=status, headers=fields, reason=HTTPStatus(status).phrase.encode())
