"""Ports of the host that lead to containers, with real connections from everywhere."""

from __future__ import annotations

import socket

import pytest

from runtime.network import firewall
from runtime.network.errors import NetworkError, PortError
from runtime.network.ports import parse_publish
from runtime.network.publish import HostPorts, adopt, reserve
from tests.network.conftest import Container, Host, ask, fetch

ALL = "0.0.0.0"


def published(host: Host, container: Container, *options: str) -> HostPorts:
    made = reserve([wish for option in options for wish in parse_publish(option)], ALL)
    host.cleanup.callback(made.close)
    made.publish(container.address)
    return made


def test_a_port_is_reached_from_everywhere(host: Host) -> None:
    network = host.network("n")
    web, sibling = host.container(network), host.container(network, "sibling")
    stranger = host.container(host.network("other"), "stranger")
    web.serve(80, b"hello")
    published(host, web, "8080:80")
    neighbour = host.neighbour()
    for address in ("127.0.0.1", "172.17.0.1", "192.0.2.1"):
        assert fetch(address, 8080).startswith(b"hello"), address
    assert neighbour.run(lambda: fetch("192.0.2.1", 8080)) == b"hello to 192.0.2.9"  # the client's true address
    for container in (web, sibling, stranger):  # the first is the hairpin: a container and its own port
        assert container.run(lambda: fetch("192.0.2.1", 8080)).startswith(b"hello"), container.name


def test_a_port_at_loopback_is_the_hosts_alone(host: Host) -> None:
    web = host.container(host.network("n"))
    web.serve(80, b"hello")
    published(host, web, "127.0.0.1:8080:80")
    neighbour = host.neighbour()
    assert fetch("127.0.0.1", 8080) == b"hello to 172.17.0.1"
    with pytest.raises(ConnectionRefusedError):
        fetch("192.0.2.1", 8080)
    with pytest.raises(ConnectionRefusedError):
        neighbour.run(lambda: fetch("192.0.2.1", 8080))


def test_the_kernel_picks_a_port_when_none_is_given(host: Host) -> None:
    web = host.container(host.network("n"))
    web.serve(80, b"hello")
    first, second = published(host, web, "80", "80").publications
    assert first.host_port != second.host_port
    assert fetch("127.0.0.1", first.host_port) == fetch("127.0.0.1", second.host_port) == b"hello to 172.17.0.1"


def test_datagrams_are_led_too_and_to_the_new_container_at_once(host: Host) -> None:
    network = host.network("n")
    old, new = host.container(network, "old"), host.container(network, "new")
    old.echo_datagrams(53, b"old")
    new.echo_datagrams(53, b"new")
    ports = published(host, old, "127.0.0.1:5353:53/udp")
    assert ask("127.0.0.1", 5353, source=40000) == b"old"
    ports.close()
    published(host, new, "127.0.0.1:5353:53/udp")
    # the same client port: connection tracking would still lead it to the old one
    assert ask("127.0.0.1", 5353, source=40000) == b"new"


def test_a_withdrawn_port_is_closed_and_free(host: Host) -> None:
    web = host.container(host.network("n"))
    web.serve(80, b"hello")
    ports = published(host, web, "127.0.0.1:8080:80")
    ports.close()
    ports.close()  # twice is no error
    with pytest.raises(ConnectionRefusedError):
        fetch("127.0.0.1", 8080)
    socket.create_server(("127.0.0.1", 8080)).close()


@pytest.mark.parametrize(
    ("first", "second"),
    [("8080:80", "127.0.0.1:8080:80"), ("127.0.0.1:8080:80", "8080:81"), ("8080:80/udp", "8080:81/udp")],
)
def test_a_port_is_allocated_once(host: Host, first: str, second: str) -> None:
    with pytest.raises(PortError, match=r"bind '[0-9.]+:8080': port is already allocated") as caught:
        reserve(parse_publish(first) + parse_publish(second), ALL)
    assert "ss -lnp" in caught.value.hint
    reserve(parse_publish(second), ALL).close()  # the failure kept nothing


def test_a_port_of_a_process_of_the_host_is_taken(host: Host) -> None:
    with socket.create_server(("127.0.0.1", 8080)), pytest.raises(PortError, match="already allocated"):
        reserve(parse_publish("8080:80"), ALL)


def test_a_port_whose_server_just_ended_can_be_had_and_then_nobody_else_can(host: Host) -> None:
    with socket.create_server(("127.0.0.1", 8080)) as server, socket.create_connection(("127.0.0.1", 8080)) as client:
        server.accept()[0].close()  # the side that closes first stays in TIME_WAIT
        assert client.recv(1) == b""
    made = reserve(parse_publish("8080:80"), ALL)
    with pytest.raises(OSError, match="Address already in use"):
        socket.create_server(("127.0.0.1", 8080))
    made.close()


def test_a_range_gives_the_first_free_port(host: Host) -> None:
    with socket.create_server(("127.0.0.1", 8000)):
        made = reserve(parse_publish("127.0.0.1:8000-8002:80"), ALL)
    web = host.container(host.network("n"))
    assert [publication.host_port for publication in made.publish(web.address)] == [8001]
    made.close()


def test_an_address_of_another_machine_cannot_be_had(host: Host) -> None:
    with pytest.raises(PortError, match=r"bind '203\.0\.113\.1:80': cannot assign requested address"):
        reserve(parse_publish("203.0.113.1:80:80"), ALL)


def test_a_restarted_engine_takes_its_ports_over(host: Host) -> None:
    network = host.network("n")
    web = host.container(network)
    web.serve(80, b"hello")
    made = reserve(parse_publish("8080:80"), ALL)
    kept = made.publish(web.address)
    for held in made._sockets:  # the engine was killed
        held.close()
    firewall.install_table([network], kept)
    again = adopt(kept)
    assert fetch("127.0.0.1", 8080) == b"hello to 172.17.0.1"
    with pytest.raises(PortError):
        reserve(parse_publish("8080:80"), ALL)
    again.close()
    with pytest.raises(ConnectionRefusedError):
        fetch("127.0.0.1", 8080)


def test_a_table_that_somebody_removed_is_said(host: Host) -> None:
    web = host.container(host.network("n"))
    firewall.remove_table()
    ports = reserve(parse_publish("8080:80"), ALL)
    with pytest.raises(NetworkError, match="no such file or directory") as caught:
        ports.publish(web.address)
    assert "restart the daemon" in caught.value.hint
    ports.close()
    firewall.install_table(host.networks, [])
