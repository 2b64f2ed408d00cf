"""A host of the test's own: a network namespace in which the test itself runs, so the machine's is never touched."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest

from runtime.network import bridge, endpoint, firewall
from runtime.network.addresses import Subnet, hardware_address
from runtime.network.define import define_network
from runtime.network.links import add_address, add_default_route, add_pair, delete_link, set_up
from runtime.network.model import Endpoint, Network
from runtime.network.namespace import inside, new_namespace
from runtime.network.netlink import Netlink, index_of

T = TypeVar("T")


@dataclass
class Container:
    """A namespace that stands in for a container, with what it serves."""

    name: str
    namespace: int
    cleanup: contextlib.ExitStack
    id: str = field(default_factory=lambda: secrets.token_hex(32))
    endpoint: Endpoint | None = None

    @property
    def address(self) -> str:
        assert self.endpoint is not None
        return self.endpoint.address

    def run(self, action: Callable[[], T]) -> T:
        return inside(self.namespace, action)

    def serve(self, port: int, words: bytes) -> None:
        """Serve TCP on a port: send some words and the client's address to everybody."""
        listener = self.run(lambda: socket.create_server(("0.0.0.0", port)))

        def answer_all() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, (client, _) = listener.accept()
                    with connection, contextlib.suppress(OSError):
                        connection.sendall(words + b" to " + client.encode())

        thread = threading.Thread(target=answer_all)
        thread.start()
        self.cleanup.callback(thread.join)
        self.cleanup.callback(listener.close)
        self.cleanup.callback(listener.shutdown, socket.SHUT_RDWR)

    def echo_datagrams(self, port: int, words: bytes) -> None:
        """Answer one datagram after the other with some words, until an empty one."""
        sock = self.run(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        sock.bind(("0.0.0.0", port))

        def answer_all() -> None:
            while True:
                data, sender = sock.recvfrom(100)
                if not data:
                    return
                sock.sendto(words, sender)

        thread = threading.Thread(target=answer_all)
        thread.start()

        def stop() -> None:
            def send_empty() -> None:
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
                    own.sendto(b"", ("127.0.0.1", port))

            self.run(send_empty)
            thread.join()
            sock.close()

        self.cleanup.callback(stop)


@dataclass
class Host:
    """The host's namespace, networks on it, and containers on those."""

    cleanup: contextlib.ExitStack
    subnets: dict[str, Subnet] = field(default_factory=dict)
    networks: list[Network] = field(default_factory=list)

    def network(self, name: str, **settings: Any) -> Network:
        used = [subnet.network for subnet in self.subnets.values()]
        network, self.subnets[name] = define_network({"Name": name, **settings}, secrets.token_hex(32), "now", used)
        bridge.create_bridge(network)
        self.networks.append(network)
        self.cleanup.callback(bridge.delete_bridge, network)
        return network

    def container(self, network: Network, name: str = "web", **details: Any) -> Container:
        made = Container(name, new_namespace(), contextlib.ExitStack())
        self.cleanup.callback(os.close, made.namespace)
        self.cleanup.enter_context(made.cleanup)
        made.endpoint = self.endpoint(network, made, **details)
        endpoint.connect(network, made.endpoint, made.namespace, default_route=True)
        return made

    def endpoint(self, network: Network, container: Container, **details: Any) -> Endpoint:
        subnet = self.subnets[network.name]
        address = subnet.allocate()
        return Endpoint(
            secrets.token_hex(32), network.id, container.id, container.name, str(address),
            "" if network.internal else network.gateway, subnet.network.prefixlen, hardware_address(address), **details,
        )  # fmt: skip

    def neighbour(self) -> Container:
        """Another machine, 192.0.2.9, on a cable to this host, 192.0.2.1, by which it also routes."""
        made = Container("neighbour", new_namespace(), contextlib.ExitStack())
        self.cleanup.callback(os.close, made.namespace)
        self.cleanup.enter_context(made.cleanup)
        with Netlink() as netlink:
            netlink.apply(add_pair("cable0", 0, 1500, "eth0", "02:00:00:00:00:09", made.namespace))
            self.cleanup.callback(delete_device, "cable0")
            netlink.apply(add_address(index_of("cable0"), "cable0", "192.0.2.1", 24, "192.0.2.255"))

        def configure() -> None:
            with Netlink() as netlink:
                index = index_of("eth0")
                netlink.apply(
                    set_up(1, "lo"), set_up(index, "eth0"), add_address(index, "eth0", "192.0.2.9", 24, "192.0.2.255"),
                    add_default_route(index, "192.0.2.1"),
                )  # fmt: skip

        made.run(configure)
        return made


def delete_device(name: str) -> None:
    with Netlink() as netlink:
        netlink.apply(delete_link(name))


def ruleset() -> str:
    return subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout


def devices() -> set[str]:
    return {name for _, name in socket.if_nameindex()}


def settle(done: Callable[[], bool]) -> None:
    """Give the kernel a moment: it takes a dead namespace apart in the background."""
    deadline = time.monotonic() + 10
    while not done() and time.monotonic() < deadline:
        time.sleep(0.01)


def fetch(address: str, port: int) -> bytes:
    """What a server says, read to the end; TimeoutError when packets are dropped on the way."""
    with socket.create_connection((address, port), timeout=0.5) as connection:
        return connection.makefile("rb").read()


def ask(address: str, port: int, source: int = 0) -> bytes:
    """What a datagram server answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.settimeout(0.5)
        own.bind(("", source))
        own.sendto(b"?", (address, port))
        return own.recv(100)


@pytest.fixture
def host(root_user: None, no_leaks: None) -> Iterator[Host]:
    """Run the test in a network namespace with our table installed, and see that it takes all of it away again."""
    from pyroute2 import netns

    if shutil.which("nft") is None:
        pytest.skip("needs the program nft: apt-get install nftables")
    machine = ruleset()
    with contextlib.ExitStack() as undo:
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        undo.callback(os.close, home)
        own = new_namespace()
        undo.callback(os.close, own)
        netns.setns(own)
        undo.callback(netns.setns, home)
        with Netlink() as netlink:
            netlink.apply(set_up(1, "lo"))
        firewall.install_table([], [])
        before = ruleset(), devices()
        with contextlib.ExitStack() as cleanup:
            yield Host(cleanup)
        settle(lambda: (ruleset(), devices()) == before)
        assert (ruleset(), devices()) == before
        firewall.remove_table()
        assert ruleset() == ""
    assert ruleset() == machine
