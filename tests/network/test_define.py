"""A network from a request, and what the API shows of it."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Network
from typing import Any

import pytest

from runtime.network.define import define_endpoint, define_network, predefined_networks
from runtime.network.documents import (
    endpoint_document,
    idle_endpoint_document,
    network_document,
    network_settings,
)
from runtime.network.errors import NetworkError
from runtime.network.model import Endpoint, Network

ID = "7d86d31b1478e7cca9ebed7e73aa0fdeec46c5ca29497431d3007d2d9e15ed99"
WHEN = "2026-11-23T10:00:00.000000000Z"
POINT = Endpoint("e" * 64, ID, "c" * 64, "web", "172.18.0.2", "172.18.0.1", 16, "02:42:ac:12:00:02", aliases=("www",))


def define(**body: Any) -> Network:
    return define_network({"Name": "n", **body}, ID, WHEN, [IPv4Network("172.17.0.0/16")])[0]


def test_what_is_left_open_is_chosen() -> None:
    network = define()
    assert (network.subnet, network.gateway, network.bridge) == ("172.18.0.0/16", "172.18.0.1", "tare-7d86d31b14")
    assert (network.internal, network.between_containers, network.masquerade) == (False, True, True)
    assert len(network.bridge) <= 15


def test_what_is_asked_for_is_kept() -> None:
    config = {"Subnet": "10.7.0.0/16", "IPRange": "10.7.3.0/24", "Gateway": "10.7.3.254",
              "AuxiliaryAddresses": {"nas": "10.7.3.1"}}  # fmt: skip
    prefix = "com.docker.network"
    options = {f"{prefix}.driver.mtu": "1400", f"{prefix}.bridge.enable_icc": "false", f"{prefix}.bridge.name": "br-x"}
    body = {"Name": "n", "Internal": True, "IPAM": {"Config": [config]}, "Options": options, "Labels": {"a": "b"}}
    network, subnet = define_network(body, ID, WHEN, [])
    assert (network.mtu_bytes, network.between_containers, network.bridge, network.internal) == (
        1400,
        False,
        "br-x",
        True,
    )
    assert str(subnet.allocate()) == "10.7.3.0"  # the range's .0 is a host of the larger subnet
    document = network_document(network, [])
    assert document["IPAM"] == {"Driver": "default", "Options": {}, "Config": [config]}
    assert (document["Options"], document["Labels"]) == (options, {"a": "b"})


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({"Driver": "overlay"}, "no driver 'overlay'"),
        ({"EnableIPv6": True}, "no IPv6 networks"),
        ({"Scope": "swarm"}, "swarm"),
        ({"IPAM": {"Driver": "infoblox"}}, "no address driver"),
        ({"IPAM": {"Config": [{"Gateway": "10.0.0.1"}]}}, "without a subnet"),
        ({"IPAM": {"Config": [{"Subnet": "10.0.0.0/24"}, {"Subnet": "10.1.0.0/24"}]}}, "more than one subnet"),
        ({"IPAM": {"Config": [{"Subnet": "172.17.9.0/24"}]}}, "overlaps with other one"),
        ({"IPAM": {"Config": [{"Subnet": "10.0.0.0/24", "Gateway": "10.1.0.1"}]}}, "no usable address"),
        ({"IPAM": {"Config": [{"Subnet": "10.0.0.0/24", "IPRange": "x"}]}}, "invalid CIDR address"),
        ({"Options": {"com.docker.network.driver.mtu": "9"}}, "not between 68 and 65535"),
        ({"Options": {"com.docker.network.bridge.enable_icc": "maybe"}}, "neither true nor false"),
        ({"Options": {"com.docker.network.bridge.name": '"; flush ruleset'}}, "cannot name a device"),
        ({"Options": {"com.docker.network.bridge.name": "a-name-too-long-x"}}, "cannot name a device"),
        ({"Options": {"com.docker.network.bridge.host_binding_ipv4": "here"}}, "invalid IPv4 address"),
    ],
)
def test_what_cannot_be_made_is_refused_with_a_hint(body: dict[str, Any], reason: str) -> None:
    with pytest.raises(NetworkError, match=reason) as caught:
        define(**body)
    assert caught.value.hint


def test_three_networks_are_always_there() -> None:
    made = predefined_networks({"bridge": "1" * 64, "host": "2" * 64, "none": "3" * 64}, WHEN, [])
    assert [(network.name, network.driver, network.bridge) for network in made] == [
        ("bridge", "bridge", "tare0"), ("host", "host", ""), ("none", "null", ""),
    ]  # fmt: skip
    assert network_document(made[1], [])["IPAM"] == {"Driver": "default", "Options": None, "Config": []}


def test_values_survive_json() -> None:
    for value in (define(), replace(define(), labels={"a": "b"})):
        assert Network.from_dict(json.loads(json.dumps(value.to_dict()))) == value
    assert Endpoint.from_dict(json.loads(json.dumps(POINT.to_dict()))) == POINT


def test_a_network_lists_its_containers() -> None:
    shown = network_document(define(), [POINT])
    assert (shown["Driver"], shown["Scope"], shown["Internal"], len(shown["Containers"])) == (
        "bridge",
        "local",
        False,
        1,
    )
    assert shown["Containers"]["c" * 64]["IPv4Address"] == "172.18.0.2/16"


def test_settings_of_a_container_repeat_the_default_network() -> None:
    on_default = network_settings("d" * 64, {}, {"bridge": endpoint_document(POINT)})
    assert (on_default["IPAddress"], on_default["IPPrefixLen"]) == ("172.18.0.2", 16)
    elsewhere = network_settings("d" * 64, {}, {"n": endpoint_document(POINT)})
    assert (elsewhere["IPAddress"], elsewhere["IPPrefixLen"]) == ("", 0)
    assert elsewhere["Networks"]["n"]["Aliases"] == ["www"]
    assert elsewhere["SandboxKey"].endswith("/dddddddddddd")


def test_a_stopped_container_keeps_its_wishes() -> None:
    wishes = {"IPAMConfig": {"IPv4Address": "10.7.0.9"}, "Aliases": ["www"], "Links": None}
    shown = idle_endpoint_document(ID, wishes)
    assert (shown["IPAMConfig"], shown["Aliases"], shown["IPAddress"]) == ({"IPv4Address": "10.7.0.9"}, ["www"], "")
    assert shown.keys() == endpoint_document(POINT).keys()
    assert network_settings("", {}, {"n": shown})["SandboxKey"] == ""


def enter(settings: dict[str, Any], **body: Any) -> Endpoint:
    network, subnet = define_network({"Name": "n", **body}, ID, WHEN, [])
    return define_endpoint(network, subnet, settings, "e" * 64, ("c" * 64, "web"), "eth0")


SUBNET = {"IPAM": {"Config": [{"Subnet": "10.7.0.0/24"}]}}


def test_a_container_gets_the_next_address_and_keeps_its_names() -> None:
    made = enter({"Aliases": ["www"], "Links": ["db:store"]})
    assert (made.address, made.gateway, made.prefix_length) == ("172.17.0.2", "172.17.0.1", 16)
    assert (made.hardware_address, made.aliases, made.links) == ("02:42:ac:11:00:02", ("www",), ("db:store",))
    assert len(made.host_device) == 15
    assert enter({}, Internal=True).gateway == ""


def test_a_container_gets_the_address_that_it_asks_for() -> None:
    wishes = {"IPAMConfig": {"IPv4Address": "10.7.0.9"}, "MacAddress": "02-42-AA-BB-CC-DD"}
    made = enter(wishes, **SUBNET)
    assert (made.address, made.requested_address) == ("10.7.0.9", "10.7.0.9")
    assert made.hardware_address == "02:42:aa:bb:cc:dd"


@pytest.mark.parametrize(
    ("settings", "body", "reason"),
    [
        ({"Aliases": ["www"]}, {"Name": "bridge"}, "only for containers in user defined networks"),
        ({"IPAMConfig": {"IPv4Address": "172.17.0.9"}}, {}, "only when connecting to networks with user configured"),
        ({"IPAMConfig": {"IPv4Address": "10.9.0.9"}}, SUBNET, "no usable address"),
        ({"IPAMConfig": {"IPv4Address": "x"}}, SUBNET, "invalid IPv4 address"),
        ({"MacAddress": "02:42"}, {}, "not six bytes"),
        ({"MacAddress": "01:42:ac:11:00:09"}, {}, "not six bytes of a single station"),  # multicast
    ],
)
def test_wishes_that_cannot_be_met(settings: dict[str, Any], body: dict[str, Any], reason: str) -> None:
    with pytest.raises(NetworkError, match=reason) as caught:
        enter(settings, **body)
    assert caught.value.hint
