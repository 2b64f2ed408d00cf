"""The DNS server at 127.0.0.11 of each container on a user-defined network, in the engine's event loop.

Its two sockets are made inside the container's network namespace and served from here: no process and no thread for a
container. They have ports of their own, to which the packet filter leads port 53, which a container that is a DNS
server wants for itself; that takes some 5 ms once. What our server does not know it asks the host's servers, from the
host's namespace, where also a server at a loopback address answers. A container is a stranger: it may send anything,
and only so much at once.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

from runtime.network import firewall
from runtime.network.errors import refused
from runtime.network.hosts import EMBEDDED_SERVER
from runtime.network.names import Zone, answer, failure, fit_datagram
from runtime.network.namespace import inside

_PORT = 53
_PATIENCE_S = 2.0  # for each server; resolv.conf(5) gives up after 5
_IDLE_S = 30.0  # of a TCP connection
_AT_ONCE = 128  # questions of one container in flight, and TCP connections; more are refused, and asked again
_BACKLOG = 16

Lookup = Callable[[], Zone]
Ask = Callable[[bytes, str], Awaitable[bytes]]


@dataclass(slots=True, eq=False)
class NameServer:
    """The server of one container; made by `serve_names`."""

    _lookup: Lookup
    _upstream: tuple[str, ...]
    _turn: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)
    _transport: asyncio.DatagramTransport | None = None
    _server: asyncio.Server | None = None

    async def close(self) -> None:
        """Stop answering and close the sockets; questions in flight are dropped."""
        if self._transport is not None:
            self._transport.close()
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _open(self, datagrams: socket.socket, streams: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Datagrams(self), sock=datagrams)
        self._server = await asyncio.start_server(self._converse, sock=streams, backlog=_BACKLOG)

    def _received(self, question: bytes, sender: tuple[str, int]) -> None:
        """Answer a datagram: at once when it is about containers, which costs no task."""
        reply = self._known(question)
        if reply is not None:
            self._send(question, reply, sender)
        elif len(self._tasks) < _AT_ONCE:
            task = asyncio.get_running_loop().create_task(self._forward_datagram(question, sender))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._send(question, failure(question), sender)

    async def _forward_datagram(self, question: bytes, sender: tuple[str, int]) -> None:
        self._send(question, await self._forward(question, _ask_datagram), sender)

    def _send(self, question: bytes, reply: bytes, sender: tuple[str, int]) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.sendto(fit_datagram(question, reply), sender)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the questions of one TCP connection, one after the other."""
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while len(self._tasks) <= _AT_ONCE:
                async with asyncio.timeout(_IDLE_S):
                    question = await _read_message(reader)
                reply = self._known(question)
                if reply is None:
                    reply = await self._forward(question, _ask_stream)
                writer.write(len(reply).to_bytes(2) + reply)
                async with asyncio.timeout(_IDLE_S):
                    await writer.drain()
        except (OSError, EOFError, TimeoutError, ValueError):
            pass  # the container hung up, went silent, or does not speak DNS
        finally:
            self._tasks.discard(task)
            writer.close()

    def _known(self, question: bytes) -> bytes | None:
        self._turn += 1
        return answer(question, self._lookup(), self._turn)

    async def _forward(self, question: bytes, ask: Ask) -> bytes:
        """Ask one server after the other."""
        for server in self._upstream:
            with contextlib.suppress(OSError, EOFError, TimeoutError):
                async with asyncio.timeout(_PATIENCE_S):
                    reply = await ask(question, server)
                if reply[:2] == question[:2]:
                    return reply
        return failure(question)


async def serve_names(namespace: int, lookup: Lookup, upstream: Sequence[str]) -> NameServer:
    """Start answering at 127.0.0.11 port 53, UDP and TCP, of a network namespace, instead of a server before this one.

    Parameters
    ----------
    namespace : int
        Descriptor; its loopback interface is up. It may be closed afterwards: the sockets keep the namespace, so
        `NameServer.close` must be called when the container ends.
    lookup : callable
        Called for each question; gives what the container may know at that moment.
    upstream : sequence of str
        Addresses of servers for all other names, in order; none for a container that has no way out.

    Returns
    -------
    NameServer
        To be closed by the caller.

    Raises
    ------
    NetworkError
        The namespace cannot be entered, or nft refused.
    """
    made = NameServer(lookup, tuple(upstream))
    with contextlib.ExitStack() as undo:
        datagrams, streams = inside(namespace, _make_sockets)
        undo.callback(datagrams.close)
        undo.callback(streams.close)
        try:
            await made._open(datagrams, streams)
        except BaseException:
            await made.close()
            raise
        undo.pop_all()
    return made


class _Datagrams(asyncio.DatagramProtocol):
    """What the event loop calls for each datagram."""

    def __init__(self, server: NameServer) -> None:
        self._server = server

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        with contextlib.suppress(ValueError):  # not a question: no answer
            self._server._received(data, addr)


def _make_sockets() -> tuple[socket.socket, socket.socket]:
    """Bind both sockets to any ports, and lead port 53 to them; called inside the namespace."""
    with contextlib.ExitStack() as undo:
        made = []
        try:
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                sock = undo.enter_context(socket.socket(socket.AF_INET, kind | socket.SOCK_NONBLOCK))
                sock.bind((EMBEDDED_SERVER, 0))
                made.append(sock)
            made[1].listen(_BACKLOG)
        except OSError as error:
            raise refused("serve names at", EMBEDDED_SERVER, error.errno or 0) from error
        firewall.lead_questions(EMBEDDED_SERVER, made[0].getsockname()[1], made[1].getsockname()[1])
        undo.pop_all()
    return made[0], made[1]


async def _ask_datagram(question: bytes, server: str) -> bytes:
    """Ask a server over UDP, from a port of its own for each question, which an attacker would have to guess."""
    loop = asyncio.get_running_loop()
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        await loop.sock_connect(sock, (server, _PORT))
        await loop.sock_sendall(sock, question)
        return await loop.sock_recv(sock, 65535)


async def _ask_stream(question: bytes, server: str) -> bytes:
    """Ask a server over TCP."""
    reader, writer = await asyncio.open_connection(server, _PORT)
    try:
        writer.write(len(question).to_bytes(2) + question)
        return await _read_message(reader)
    finally:
        writer.close()


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    """Read a DNS message from a stream: a length of two bytes, then so many (RFC 1035 4.2.2)."""
    return await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
