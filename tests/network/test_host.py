"""An engine that starts: what it finds, what it wants, and that it is alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from runtime.network import bridge, firewall
from runtime.network.errors import NetworkError
from runtime.network.host import claim_networks
from runtime.network.ports import parse_publish
from runtime.network.publish import adopt, reserve
from tests.network.conftest import Host, devices, fetch, ruleset


def test_after_a_crash_connections_and_ports_are_as_before(host: Host) -> None:
    network = host.network("n")
    web, client = host.container(network), host.container(network, "client")
    web.serve(80, b"hello")
    ports = reserve(parse_publish("8080:80"), "0.0.0.0")
    kept = ports.publish(web.address)
    before = ruleset()
    for held in ports._sockets:  # the engine was killed
        held.close()
    claimed = claim_networks([network], kept)
    again = adopt(kept)
    assert claimed.changed == []
    assert ruleset() == before
    assert fetch("127.0.0.1", 8080) == b"hello to 172.17.0.1"
    assert client.run(lambda: fetch(web.address, 80)) == b"hello to 172.17.0.3"
    again.close()
    claimed.close()


def test_after_a_reboot_all_is_made_again(host: Host) -> None:
    network = host.network("n")
    table, there = ruleset(), devices()
    bridge.delete_bridge(network)
    firewall.remove_table()
    Path("/proc/sys/net/ipv4/ip_forward").write_text("0")
    claimed = claim_networks([network], [])
    assert claimed.changed == ["net.ipv4.ip_forward: 0 -> 1"]
    assert (ruleset(), devices()) == (table, there)
    claimed.close()


def test_bridges_that_nobody_wants_are_deleted(host: Host) -> None:
    network = host.network("n")
    lost = replace(
        network, id="0" * 64, name="lost", bridge="tare-0000000000", subnet="10.9.0.0/24", gateway="10.9.0.1"
    )
    bridge.create_bridge(lost)
    claim_networks([network], []).close()
    assert devices() == {"lo", network.bridge}
    assert lost.bridge not in ruleset()


def test_a_second_engine_is_refused_until_the_first_is_gone(host: Host) -> None:
    first = claim_networks([], [])
    table = ruleset()
    with pytest.raises(NetworkError, match="another tare daemon has them") as caught:
        claim_networks([], [])
    assert "tare system shutdown" in caught.value.hint
    assert ruleset() == table
    first.close()
    claim_networks([], []).close()
