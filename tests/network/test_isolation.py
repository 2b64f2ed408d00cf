"""Who reaches whom: other networks, other machines, the world."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from tests.network.conftest import Host, ask, fetch


def test_containers_of_different_networks_do_not_talk(host: Host) -> None:
    web, stranger = host.container(host.network("a")), host.container(host.network("b"), "stranger")
    web.serve(80, b"secret")
    with pytest.raises(TimeoutError):
        stranger.run(lambda: fetch(web.address, 80))
    assert fetch(web.address, 80) == b"secret to 172.17.0.1"  # the host itself may


def test_the_world_sees_the_hosts_address(host: Host) -> None:
    client = host.container(host.network("n"), "client")
    neighbour = host.neighbour()
    neighbour.serve(80, b"welcome")
    assert client.run(lambda: fetch("192.0.2.9", 80)) == b"welcome to 192.0.2.1"


def test_without_masquerade_the_world_sees_the_containers(host: Host) -> None:
    options = {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    client = host.container(host.network("n", Options=options), "client")
    neighbour = host.neighbour()
    neighbour.serve(80, b"welcome")
    assert client.run(lambda: fetch("192.0.2.9", 80)) == b"welcome to 172.17.0.2"


def test_a_neighbour_that_routes_to_a_container_is_stopped(host: Host) -> None:
    web = host.container(host.network("n"))
    web.serve(80, b"secret")
    neighbour = host.neighbour()
    with pytest.raises(TimeoutError):
        neighbour.run(lambda: fetch(web.address, 80))


def test_an_internal_network_has_no_way_out(host: Host) -> None:
    network = host.network("n", Internal=True)
    web, client = host.container(network), host.container(network, "client")
    web.serve(80, b"hello")
    neighbour = host.neighbour()
    neighbour.serve(80, b"welcome")
    assert client.run(lambda: fetch(web.address, 80)) == b"hello to 172.17.0.3"
    with pytest.raises(OSError, match="Network is unreachable"):
        client.run(lambda: fetch("192.0.2.9", 80))
    # nor by a route of its own making
    Path("/proc/sys/net/ipv4/ip_forward").write_text("1")
    client.run(lambda: subprocess.run(["ip", "route", "add", "default", "via", network.gateway], check=True))
    arrived = neighbour.run(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
    with arrived:
        arrived.bind(("192.0.2.9", 53))
        arrived.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.run(lambda: ask("192.0.2.9", 53))
        with pytest.raises(TimeoutError):  # not even one way
            arrived.recv(100)


@pytest.mark.parametrize("filtered", ["0", "1"])
def test_containers_can_be_kept_from_each_other(host: Host, filtered: str) -> None:
    setting = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")
    if not setting.exists():
        pytest.skip("this kernel's bridges never pass the filter (no br_netfilter): one case is enough")
    setting.write_text(filtered)
    network = host.network("n", Options={"com.docker.network.bridge.enable_icc": "false"})
    web, client = host.container(network), host.container(network, "client")
    web.serve(80, b"secret")
    with pytest.raises(OSError, match=r"timed out|No route to host"):
        client.run(lambda: fetch(web.address, 80))
    assert fetch(web.address, 80) == b"secret to 172.17.0.1"


def test_a_container_does_not_reach_the_hosts_loopback(host: Host) -> None:
    # the bridge has route_localnet, so only the filter stands between a container and 127.0.0.1 (CVE-2020-8558)
    client = host.container(host.network("n"), "client")
    host.cleanup.enter_context(socket.create_server(("127.0.0.1", 5000)))

    def sneak() -> None:
        Path("/proc/sys/net/ipv4/conf/all/route_localnet").write_text("1")
        commands = (
            "ip route del local 127.0.0.0/8 dev lo table local",
            "ip route del local 127.0.0.1 dev lo table local",
            "ip address del 127.0.0.1/8 dev lo",
            "ip route add 127.0.0.0/8 via 172.17.0.1 dev eth0",
        )
        for command in commands:
            subprocess.run(command.split(), check=False, capture_output=True)
        socket.create_connection(("127.0.0.1", 5000), timeout=0.5).close()

    with pytest.raises(TimeoutError):
        client.run(sneak)
