"""A container's connection: what it sees, what the host sees, and what is left when something fails."""

from __future__ import annotations

import os
import statistics
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from runtime.network import bridge, endpoint, firewall
from runtime.network.errors import NetworkError
from runtime.network.namespace import new_namespace
from tests.network.conftest import Host, devices, fetch, settle


def look(*command: str) -> str:
    return subprocess.run(["ip", *command], capture_output=True, text=True, check=True).stdout


def test_a_container_has_its_address_and_a_way_out(host: Host) -> None:
    web = host.container(host.network("n"))
    seen = web.run(lambda: look("-o", "address", "show", "eth0"))
    assert "inet 172.17.0.2/16 brd 172.17.255.255 scope global eth0" in seen
    assert "inet6" not in seen  # no IPv6: nothing to wait for, nothing to leak through
    assert "link/ether 02:42:ac:11:00:02" in web.run(lambda: look("-o", "link", "show", "eth0"))
    assert web.run(lambda: look("route", "show", "default")) == "default via 172.17.0.1 dev eth0 proto static \n"


def test_containers_of_one_network_talk(host: Host) -> None:
    network = host.network("n")
    web, client = host.container(network), host.container(network, "client")
    web.serve(80, b"hello")
    assert client.run(lambda: fetch(web.address, 80)) == b"hello to 172.17.0.3"


def test_the_hosts_end_goes_with_the_namespace(host: Host) -> None:
    network = host.network("n")
    namespace = new_namespace()
    made = host.endpoint(network, host.container(network))
    before = devices()
    endpoint.connect(network, made, namespace, default_route=True)
    assert devices() - before == {made.host_device}
    os.close(namespace)
    settle(lambda: devices() == before)
    assert devices() == before


def test_disconnecting_takes_the_device_away_and_twice_is_no_error(host: Host) -> None:
    web = host.container(host.network("n"))
    assert web.endpoint is not None
    endpoint.disconnect(web.endpoint)
    endpoint.disconnect(web.endpoint)
    assert web.run(devices) == {"lo"}


def test_a_failure_in_the_namespace_leaves_nothing_on_the_host(host: Host) -> None:
    network = host.network("n")
    web = host.container(network)
    before = devices()
    wrong = replace(host.endpoint(network, web), device="eth1", gateway="198.51.100.1")
    with pytest.raises(NetworkError, match=r"route to '198\.51\.100\.1': network is unreachable"):
        endpoint.connect(network, wrong, web.namespace, default_route=True)
    assert devices() == before
    assert web.run(devices) == {"lo", "eth0"}


def test_the_second_network_becomes_the_way_out_when_the_first_goes(host: Host) -> None:
    first, second = host.network("first"), host.network("second")
    web = host.container(first)
    other = host.endpoint(second, web, device="eth1")
    endpoint.connect(second, other, web.namespace, default_route=False)
    assert "via 172.17.0.1" in web.run(lambda: look("route", "show", "default"))
    assert web.endpoint is not None
    endpoint.disconnect(web.endpoint)
    endpoint.change_default_route(other, web.namespace)
    assert web.run(lambda: look("route", "show", "default")) == "default via 172.18.0.1 dev eth1 proto static \n"


def test_connecting_takes_milliseconds(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    network = host.network("n")
    took_ms = []
    for number in range(20):
        start = time.perf_counter()
        host.container(network, f"c{number}")
        took_ms.append((time.perf_counter() - start) * 1e3)
    with capsys.disabled():
        median_ms, worst_ms = statistics.median(took_ms), max(took_ms)
        print(f"\nnamespace and connection: median {median_ms:.1f} ms, worst {worst_ms:.1f} ms of {len(took_ms)}")
    assert len(devices()) == 20 + 2  # loopback and the bridge


def test_a_bridge_is_recognised_as_ours(host: Host) -> None:
    network = host.network("n")
    assert bridge.existing_bridges() == {network.bridge: network.id}
    assert [str(subnet) for subnet in bridge.routed_subnets()] == ["172.17.0.0/16"]


def test_a_bridge_of_somebody_else_is_left_alone(host: Host) -> None:
    network = host.network("n")
    foreign = replace(network, id="f" * 64)
    with pytest.raises(NetworkError, match="it was not made for this network"):
        bridge.delete_bridge(foreign)
    with pytest.raises(NetworkError, match="file exists"):
        bridge.create_bridge(network)
    assert network.bridge in devices()


def test_a_bridge_that_cannot_be_filtered_is_not_left(host: Host) -> None:
    network = host.network("n")
    twin = replace(
        network, name="twin", bridge="tare-twin", gateway="172.17.0.1", subnet="172.17.0.0/16", internal=True
    )
    before = devices()
    firewall.remove_table()
    with pytest.raises(NetworkError, match="filter network 'twin'"):
        bridge.create_bridge(twin)
    firewall.install_table([network], [])
    assert devices() == before


def test_making_a_network_says_what_it_changed_on_the_host(host: Host) -> None:
    network = host.network("inside", Internal=True)
    assert network.internal
    outside = replace(network, name="outside", id="0" * 64, bridge="tare-outside", internal=False,
                      subnet="10.9.0.0/24", gateway="10.9.0.1")  # fmt: skip
    Path("/proc/sys/net/ipv4/ip_forward").write_text("0")  # of the test's own host, whatever this machine's is
    assert bridge.create_bridge(outside) == ["net.ipv4.ip_forward: 0 -> 1"]
    bridge.delete_bridge(outside)
