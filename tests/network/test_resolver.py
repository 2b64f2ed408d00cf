"""Names are looked up from inside a container, over real sockets; a program of the test's is the world's DNS server."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import Awaitable, Callable

import pytest
from dnslib import DNSRecord
from dnslib.server import DNSServer
from dnslib.zoneresolver import ZoneResolver

from runtime.network.hosts import EMBEDDED_SERVER
from runtime.network.names import make_zone
from runtime.network.resolver import NameServer, serve_names
from tests.network.conftest import Container, Host

WORLD = "\n".join(["example.org. 60 IN A 192.0.2.80", *(f"big.example. 60 IN A 198.51.100.{n}" for n in range(60))])


@pytest.fixture
def web(host: Host) -> Container:
    return host.container(host.network("lab"))


@pytest.fixture
def world(host: Host) -> None:
    """A DNS server at the host's loopback, as systemd-resolved is, which a container could not ask by itself."""
    for tcp in (False, True):
        server = DNSServer(ZoneResolver(WORLD), address="127.0.0.1", port=53, tcp=tcp)
        server.start_thread()
        host.cleanup.callback(server.thread.join)
        host.cleanup.callback(server.server.server_close)
        host.cleanup.callback(server.stop)


def served(web: Container, upstream: list[str], lesson: Callable[[NameServer], Awaitable[None]]) -> None:
    """Run a coroutine while names are served in the container."""
    assert web.endpoint is not None
    zone = make_zone([("lab", [web.endpoint])])

    async def main() -> None:
        server = await serve_names(web.namespace, lambda: zone, upstream)
        try:
            async with asyncio.timeout(20):
                await lesson(server)
        finally:
            await server.close()

    asyncio.run(main())


async def ask(web: Container, name: str, *, tcp: bool = False) -> DNSRecord:
    """Ask from inside the container, as its C library would."""

    def question() -> bytes:
        return DNSRecord.question(name).send(EMBEDDED_SERVER, 53, tcp=tcp, timeout=5)

    return DNSRecord.parse(await asyncio.to_thread(web.run, question))


def test_containers_are_found_and_the_world_too(web: Container, world: None) -> None:
    async def lesson(_: NameServer) -> None:
        for tcp in (False, True):
            assert (await ask(web, "web", tcp=tcp)).short() == web.address
            assert (await ask(web, "example.org", tcp=tcp)).short() == "192.0.2.80"

    served(web, ["127.0.0.1"], lesson)


def test_a_long_answer_is_asked_for_again_over_tcp(web: Container, world: None) -> None:
    async def lesson(_: NameServer) -> None:
        assert (await ask(web, "big.example")).header.tc == 1
        assert len((await ask(web, "big.example", tcp=True)).rr) == 60

    served(web, ["127.0.0.1"], lesson)


def test_the_next_server_is_asked_when_one_is_dead(web: Container, world: None) -> None:
    async def lesson(_: NameServer) -> None:
        assert (await ask(web, "example.org")).short() == "192.0.2.80"

    served(web, ["127.0.0.9", "127.0.0.1"], lesson)


def test_without_a_server_it_says_so_at_once(web: Container) -> None:
    async def lesson(_: NameServer) -> None:
        assert (await ask(web, "example.org")).header.rcode == 2  # SERVFAIL
        assert (await ask(web, "example.org", tcp=True)).header.rcode == 2

    served(web, [], lesson)


def test_rubbish_is_ignored_and_the_next_question_answered(web: Container) -> None:
    def send_rubbish() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            for data in (b"", b"?", b"\xff" * 100, os.urandom(600)):
                own.sendto(data, (EMBEDDED_SERVER, 53))
        with socket.create_connection((EMBEDDED_SERVER, 53), timeout=2) as own:
            own.sendall(b"\0\3abc")
            assert own.recv(10) == b""

    async def lesson(_: NameServer) -> None:
        await asyncio.to_thread(web.run, send_rubbish)
        assert (await ask(web, "web")).short() == web.address

    served(web, [], lesson)


def test_a_flood_is_refused_beyond_a_limit_and_leaves_nothing_behind(host: Host, web: Container) -> None:
    # a server that never answers: each question waits, and only so many may
    silent = host.cleanup.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    silent.bind(("127.0.0.1", 53))

    def flood() -> int:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.settimeout(1)
            refused = 0
            for number in range(200):
                own.sendto(DNSRecord.question(f"n{number}.example").pack(), (EMBEDDED_SERVER, 53))
            with contextlib.suppress(TimeoutError):
                while own.recv(600):
                    refused += 1
            return refused

    async def lesson(_: NameServer) -> None:
        assert await asyncio.to_thread(web.run, flood) == 200 - 128
        assert (await ask(web, "web")).short() == web.address  # containers are found all the same

    served(web, ["127.0.0.1"], lesson)


def test_a_container_may_be_a_dns_server_itself(web: Container) -> None:
    web.echo_datagrams(53, b"my own")

    async def lesson(_: NameServer) -> None:
        assert (await ask(web, "web")).short() == web.address

    served(web, [], lesson)


def test_the_engine_may_come_back(web: Container) -> None:
    async def lesson(_: NameServer) -> None:
        assert (await ask(web, "web")).short() == web.address

    served(web, [], lesson)
    served(web, [], lesson)
