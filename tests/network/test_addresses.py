"""Addresses are a value: chosen, taken, given back, written and read again."""

from __future__ import annotations

import json
import sys
from ipaddress import IPv4Address, IPv4Network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.network.addresses import DEFAULT_POOLS, Subnet, choose_subnet, hardware_address, parse_routes, parse_subnet
from runtime.network.errors import AddressError

SMALL = IPv4Network("10.0.0.0/29")  # room for a gateway and five containers


def test_the_first_subnet_is_dockers() -> None:
    assert str(choose_subnet([])) == "172.17.0.0/16"


def test_a_subnet_that_the_host_routes_is_avoided() -> None:
    routed = [IPv4Network("172.16.0.0/14"), IPv4Network("172.20.3.0/24")]  # 172.16 to 172.19, and a part of 172.20
    assert str(choose_subnet(routed)) == "172.21.0.0/16"


def test_routes_are_read_from_procfs() -> None:
    heading = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
    rows = "eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
    rows += "eth0\t000200C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
    if sys.byteorder == "big":
        pytest.skip("the sample is a little-endian machine's")
    assert parse_routes(heading + rows) == [IPv4Network("192.0.2.0/24")]


def test_thirty_one_networks_and_no_more() -> None:
    used: list[IPv4Network] = []
    for _ in DEFAULT_POOLS:
        used.append(choose_subnet(used))
    assert len(used) == 31
    assert str(used[-1]) == "192.168.240.0/20"
    with pytest.raises(AddressError, match="fully subnetted") as caught:
        choose_subnet(used)
    assert "docker network prune" in caught.value.hint


def test_addresses_are_given_from_the_lowest_and_then_are_exhausted() -> None:
    subnet = Subnet.make(SMALL)
    assert [str(subnet.allocate()) for _ in range(5)] == [f"10.0.0.{last}" for last in range(2, 7)]
    with pytest.raises(AddressError, match="no available IPv4 addresses"):
        subnet.allocate()
    subnet.release(IPv4Address("10.0.0.4"))
    assert str(subnet.allocate()) == "10.0.0.4"


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        ("10.0.0.1", "already in use"),  # the gateway
        ("10.0.0.2", "already in use"),  # given to a container
        ("10.0.0.0", "no usable address"),
        ("10.0.0.7", "no usable address"),  # broadcast
        ("10.0.1.1", "no usable address"),
    ],
)
def test_a_requested_address_must_be_free_and_inside(address: str, reason: str) -> None:
    subnet = Subnet.make(SMALL)
    subnet.allocate()
    with pytest.raises(AddressError, match=reason):
        subnet.request(IPv4Address(address))


def test_a_range_limits_what_is_chosen_but_not_what_is_asked_for() -> None:
    subnet = Subnet.make(
        IPv4Network("10.1.0.0/16"),
        IPv4Address("10.1.5.1"),
        IPv4Network("10.1.5.0/30"),
        {"nas": IPv4Address("10.1.5.0")},
    )
    subnet.request(IPv4Address("10.1.200.1"))
    assert [str(subnet.allocate()) for _ in range(2)] == ["10.1.5.2", "10.1.5.3"]
    with pytest.raises(AddressError):
        subnet.allocate()


def test_a_range_outside_the_subnet_is_refused() -> None:
    with pytest.raises(AddressError, match="not inside the subnet"):
        Subnet.make(SMALL, allowed=IPv4Network("10.9.0.0/29"))


@pytest.mark.parametrize("text", ["", "10.0.0.0", "10.0.0.0/31", "10.0.0.0/33", "fd00::/64", "nonsense"])
def test_what_is_no_subnet(text: str) -> None:
    with pytest.raises(AddressError, match="invalid CIDR address"):
        parse_subnet(text)


def test_bits_beyond_the_prefix_are_cut_off() -> None:
    assert str(parse_subnet("10.77.3.4/24")) == "10.77.3.0/24"


def test_a_hardware_address_is_made_of_the_address() -> None:
    assert hardware_address(IPv4Address("172.17.0.2")) == "02:42:ac:11:00:02"


@given(st.lists(st.one_of(st.just(-1), st.integers(0, 7)), max_size=40))
def test_no_address_is_given_twice_and_state_survives(steps: list[int]) -> None:
    """Each step takes an address, or gives one back; a model set says what must be free."""
    subnet = Subnet.make(SMALL)
    given_out: set[IPv4Address] = set()
    for step in steps:
        if step >= 0:
            subnet.release(SMALL[step])
            given_out.discard(SMALL[step])
        elif len(given_out) < 5:
            address = subnet.allocate()
            assert address not in given_out
            assert address == min(set(SMALL.hosts()) - given_out - {subnet.gateway})
            given_out.add(address)
        else:
            with pytest.raises(AddressError):
                subnet.allocate()
        subnet = Subnet.from_dict(json.loads(json.dumps(subnet.to_dict())))
    assert subnet.taken == given_out | {subnet.gateway}
