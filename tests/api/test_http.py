"""HTTP as it is on the wire: every test speaks to the server through a real socket, in bytes."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import threading
import time
from collections.abc import AsyncGenerator

import pytest

from runtime.api import wire
from runtime.api.message import Answer, Hijack, Request, Response, Stream, json_response
from runtime.api.router import route
from runtime.errors import Conflict
from tests.api.conftest import Running, Serve, read_all, read_until, resource

GET = b"GET %s HTTP/1.1\r\nHost: d\r\n\r\n"


@route("GET", "/hello")
async def hello(request: Request) -> Answer:
    return Response(200, b"hello", "text/plain")


@route("HEAD", "/hello")
async def hello_head(request: Request) -> Answer:
    return Response(200, b"hello", "text/plain")


@route("POST", "/count")
async def count(request: Request) -> Answer:
    total = 0
    async for piece in request.body:
        total += len(piece)
    return json_response(total)


@route("POST", "/refuse")
async def refuse(request: Request) -> Answer:
    raise Conflict("test", "x", "no body is read here")


@pytest.fixture
def server(serve: Serve) -> Running:
    return serve(resource(hello, hello_head, count, refuse))


def test_requests_follow_each_other_on_one_connection(server: Running) -> None:
    with server.connect() as sock:
        for _ in range(3):
            sock.sendall(GET % b"/hello")
            assert read_until(sock, b"\r\n\r\nhello").startswith(b"HTTP/1.1 200 OK\r\n")
    server.close()
    assert [told.route for told in server.told] == ["/hello"] * 3
    assert {told.client_pid for told in server.told} == {os.getpid()}


def test_pipelined_requests_are_answered_in_order(server: Running) -> None:
    answers = server.ask(GET % b"/hello" + GET % b"/nosuch" + GET % b"/hello")
    assert re.findall(rb"HTTP/1.1 (\d+)", answers) == [b"200", b"404", b"200"]


def test_head_tells_the_length_and_sends_no_body(server: Running) -> None:
    answer = server.ask(b"HEAD /hello HTTP/1.1\r\nHost: d\r\n\r\n")
    assert b"Content-Length: 5\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_an_old_client_gets_its_answer_and_the_end(server: Running) -> None:
    with server.connect() as sock:
        sock.sendall(b"GET /hello HTTP/1.0\r\n\r\n")
        assert read_all(sock).endswith(b"Connection: close\r\n\r\nhello")


def test_a_chunked_body_is_read_piece_by_piece(server: Running) -> None:
    chunks = b"".join(b"%x\r\n%s\r\n" % (size, b"x" * size) for size in (1, 70_000, 16))
    head = b"POST /count HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert server.ask(head + chunks + b"0\r\n\r\n").endswith(b"\r\n\r\n70017\n")


def test_a_client_that_asks_first_is_told_to_go_on_only_when_its_body_is_wanted(server: Running) -> None:
    head = b"POST %s HTTP/1.1\r\nHost: d\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"
    with server.connect() as sock:
        sock.sendall(head % b"/count")
        assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 100 Continue\r\n")
        sock.sendall(b"data")
        assert read_until(sock, b"\r\n\r\n4\n").startswith(b"HTTP/1.1 200 OK\r\n")
    with server.connect() as sock:
        sock.sendall(head % b"/refuse")
        assert read_until(sock, b"\r\n\r\n").startswith(b"HTTP/1.1 409 Conflict\r\n")


def test_a_large_upload_that_nobody_reads_does_not_hide_the_answer(server: Running) -> None:
    with server.connect() as sock:
        sock.sendall(b"POST /refuse HTTP/1.1\r\nHost: d\r\nContent-Length: 100000000\r\n\r\n")

        def send() -> None:
            try:
                while True:
                    sock.sendall(bytes(1 << 16))
            except OSError:
                pass  # the server has closed

        sender = threading.Thread(target=send)
        sender.start()
        answer = read_until(sock, b"no body is read here")
        sender.join(10)
    assert b"Connection: close\r\n" in answer


def test_a_small_body_that_nobody_reads_does_not_end_the_connection(server: Running) -> None:
    request = b"POST /refuse HTTP/1.1\r\nHost: d\r\nContent-Length: 4\r\n\r\ndata" + GET % b"/hello"
    assert server.ask(request).endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"GET /hello HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET /hello HTTP/1.1\r\nHost: d\r\nContent-Length: x\r\n\r\n", 400),
        (b"GET /hello HTTP/1.1\r\nHost: d\r\nX: " + b"y" * wire.HEAD_BYTES, 431),
        (b"POST /count HTTP/1.1\r\nHost: d\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
        (b"POST /count HTTP/1.1\r\nHost: d\r\nContent-Length: 9\r\n\r\nshort", 400),
    ],
)
def test_what_is_not_http_is_refused_and_cut(server: Running, request_bytes: bytes, status: int) -> None:
    with server.connect() as sock:
        sock.sendall(request_bytes)
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock).startswith(b"HTTP/1.1 %d " % status)
    assert server.ask(GET % b"/hello").endswith(b"hello")


def test_a_client_that_does_not_finish_its_head_is_cut_off(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "HEAD_TIMEOUT_S", 0.1)
    with server.connect() as sock:
        sock.sendall(b"GET /hello HTT")
        assert read_all(sock).startswith(b"HTTP/1.1 408 ")


class Ticks:
    """A stream that never ends by itself, and notes how it ended."""

    def __init__(self) -> None:
        self.sent = 0
        self.ended = threading.Event()

    async def run(self, size_bytes: int, pause_s: float) -> AsyncGenerator[bytes, None]:
        try:
            while True:
                yield b"x" * size_bytes
                self.sent += 1
                await asyncio.sleep(pause_s)
        finally:
            self.ended.set()


def test_a_stream_ends_when_its_client_hangs_up_even_when_nothing_is_sent(serve: Serve) -> None:
    ticks = Ticks()

    @route("GET", "/silent")
    async def silent(request: Request) -> Answer:
        return Stream(ticks.run(0, 60))

    server = serve(resource(silent))
    with server.connect() as sock:
        sock.sendall(GET % b"/silent")
        assert b"Transfer-Encoding: chunked" in read_until(sock, b"\r\n\r\n")
        assert not ticks.ended.wait(0.1)
    assert ticks.ended.wait(2)
    assert server.tasks() == 0


def test_a_client_that_closed_only_its_sending_side_is_served_on(serve: Serve) -> None:
    ticks = Ticks()

    @route("GET", "/ticks")
    async def tick(request: Request) -> Answer:
        return Stream(ticks.run(1, 0.02))

    server = serve(resource(tick))
    with server.connect() as sock:
        sock.sendall(GET % b"/ticks")
        sock.shutdown(socket.SHUT_WR)
        assert read_until(sock, b"1\r\nx\r\n" * 5)
        assert not ticks.ended.is_set()
    assert ticks.ended.wait(2)


def test_a_stream_runs_only_as_fast_as_its_client_reads(serve: Serve) -> None:
    ticks = Ticks()

    @route("GET", "/flood")
    async def flood(request: Request) -> Answer:
        return Stream(ticks.run(1 << 16, 0))

    server = serve(resource(flood, hello))
    with server.connect() as sock:
        sock.sendall(GET % b"/flood")
        time.sleep(0.3)
        sent = ticks.sent
        assert sent < 50  # some 200 KiB fit into a socket's buffer
        assert server.ask(GET % b"/hello").endswith(b"hello")
        assert len(sock.recv(1 << 20)) > 0
        time.sleep(0.1)
        assert ticks.sent > sent


def test_an_endless_upload_leaves_the_others_their_turn(server: Running) -> None:
    with server.connect() as sock:
        sock.sendall(b"POST /count HTTP/1.1\r\nHost: d\r\nContent-Length: 1000000000000\r\n\r\n")
        stop = threading.Event()

        def send() -> None:
            while not stop.is_set():
                sock.sendall(bytes(1 << 20))

        sender = threading.Thread(target=send)
        sender.start()
        try:
            for _ in range(10):
                assert server.ask(GET % b"/hello").endswith(b"hello")
        finally:
            stop.set()
            sender.join(10)


async def broken(pieces: int) -> AsyncGenerator[bytes, None]:
    for _ in range(pieces):
        yield b"part"
    raise Conflict("test", "x", "it broke")


def test_a_stream_that_fails_before_its_first_piece_is_an_error_like_any_other(serve: Serve) -> None:
    @route("POST", "/pull")
    async def pull(request: Request) -> Answer:
        return Stream(broken(0), at_once=False)

    answer = serve(resource(pull)).ask(b"POST /pull HTTP/1.1\r\nHost: d\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 409 Conflict\r\n")
    assert answer.endswith(b'{"message":"it broke"}\n')


def test_a_stream_that_fails_later_is_cut_so_that_a_part_is_not_taken_for_the_whole(serve: Serve) -> None:
    @route("GET", "/export")
    async def export(request: Request) -> Answer:
        return Stream(broken(2))

    answer = serve(resource(export)).ask(GET % b"/export")
    assert answer.endswith(b"4\r\npart\r\n4\r\npart\r\n")  # and no last chunk of length 0


class Echo:
    """What takes a connection over, as the engine's attach does, and answers from another thread."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None

    async def take(self, descriptor: int, early: bytes) -> None:
        self.thread = threading.Thread(target=self._run, args=(descriptor, early))
        self.thread.start()

    def _run(self, descriptor: int, early: bytes) -> None:
        with socket.socket(fileno=descriptor) as sock:
            sock.settimeout(5)
            sock.sendall(early.upper())
            while piece := sock.recv(1 << 16):
                sock.sendall(piece.upper())
            sock.sendall(b"<end of input>")


@pytest.mark.parametrize(
    ("proposal", "answer"),
    [
        (
            b"Connection: Upgrade\r\nUpgrade: tcp\r\n",
            b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
            b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\n",
        ),
        (b"", b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"),
    ],
)
def test_a_connection_is_given_away_with_what_was_already_read(serve: Serve, proposal: bytes, answer: bytes) -> None:
    echo = Echo()

    @route("POST", "/attach")
    async def attach(request: Request) -> Answer:
        assert await request.document() == {"Tty": True}
        return Hijack(echo.take)

    server = serve(resource(attach))
    head = b"POST /attach HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 12\r\n" + proposal
    with server.connect() as sock:
        sock.sendall(head + b'\r\n{"Tty":true}early ')
        assert read_until(sock, b"EARLY ") == answer + b"EARLY "
        assert server.tasks() == 0  # the server knows nothing of it any more
        server.close()
        sock.sendall(b"late")
        sock.shutdown(socket.SHUT_WR)
        assert read_all(sock) == b"LATE<end of input>"
    assert echo.thread is not None
    echo.thread.join(5)


def test_many_connections_opened_and_dropped_leave_no_task_and_no_descriptor(serve: Serve) -> None:
    ticks = Ticks()

    @route("GET", "/silent")
    async def silent(request: Request) -> Answer:
        return Stream(ticks.run(0, 60))

    server = serve(resource(silent, hello))
    assert server.ask(GET % b"/hello").endswith(b"hello")
    before = len(os.listdir("/proc/self/fd"))
    beginnings = [b"", b"GET /hel", GET % b"/hello", GET % b"/silent"]
    sockets = [server.connect() for _ in range(200)]
    for number, sock in enumerate(sockets):
        sock.sendall(beginnings[number % len(beginnings)])
    while server.tasks() < 200:
        time.sleep(0.01)
    for sock in sockets:
        sock.close()
    deadline = time.monotonic() + 5
    while server.tasks() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert server.tasks() == 0
    assert len(os.listdir("/proc/self/fd")) == before


def test_closing_lets_a_handler_finish_and_ends_streams_and_idle_clients(serve: Serve) -> None:
    begun = threading.Event()
    ticks = Ticks()

    @route("POST", "/slow")
    async def slow(request: Request) -> Answer:
        begun.set()
        await asyncio.sleep(0.3)
        return Response(200, b"done")

    @route("GET", "/silent")
    async def silent(request: Request) -> Answer:
        return Stream(ticks.run(0, 60))

    server = serve(resource(slow, silent))
    with server.connect() as working, server.connect() as listening, server.connect() as idle:
        working.sendall(b"POST /slow HTTP/1.1\r\nHost: d\r\n\r\n")
        listening.sendall(GET % b"/silent")
        read_until(listening, b"\r\n\r\n")
        assert begun.wait(5)
        server.close()
        assert read_all(working).endswith(b"Connection: close\r\n\r\ndone")
        assert read_all(listening) == b""
        assert read_all(idle) == b""
    assert ticks.ended.is_set()
