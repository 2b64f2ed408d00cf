"""Requests that make devices, addresses and routes, as values; pure: `runtime.network.netlink` sends them."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from typing import Any

# linux/rtnetlink.h, linux/if.h
RTM_NEWLINK = 16
RTM_DELLINK = 17
RTM_GETLINK = 18
RTM_SETLINK = 19
RTM_NEWADDR = 20
RTM_NEWROUTE = 24
RTM_DELROUTE = 25
_IFF_UP = 0x1
_RT_TABLE_MAIN = 254
_RTPROT_STATIC = 4
_RTN_UNICAST = 1
_DEFAULT_ROUTE = {
    "family": socket.AF_INET,
    "table": _RT_TABLE_MAIN,
    "proto": _RTPROT_STATIC,
    "type": _RTN_UNICAST,
}

Attributes = list[tuple[str, Any]]  # recursive: a value may be a message with attributes of its own


@dataclass(frozen=True, slots=True)
class Request:
    """One request.

    Attributes
    ----------
    kind : int
        RTM_* number.
    operation, subject : str
        What it does, for errors.
    fields : dict of str to int
        Fixed members of its message.
    attributes : list of tuple
        Its attributes; the value of a nested one has a member ``attrs`` of the same form.
    create : bool
        Whether it makes something, which must not exist yet.
    """

    kind: int
    operation: str
    subject: str
    fields: dict[str, int] = field(default_factory=dict)
    attributes: Attributes = field(default_factory=list)
    create: bool = False


def add_bridge(name: str, mtu_bytes: int, hardware: str) -> Request:
    """Make a bridge, up, that forwards from a port as soon as it is added (no spanning tree, so no delay)."""
    attributes: Attributes = [
        ("IFLA_IFNAME", name),
        ("IFLA_MTU", mtu_bytes),
        ("IFLA_ADDRESS", hardware),
        _kind("bridge", [("IFLA_BR_FORWARD_DELAY", 0), ("IFLA_BR_STP_STATE", 0)]),
    ]
    return Request(RTM_NEWLINK, "create bridge", name, {"flags": _IFF_UP, "change": _IFF_UP}, attributes, create=True)


def set_alias(name: str, alias: str) -> Request:
    """Label a device; the kernel takes no label while it makes one."""
    return Request(RTM_SETLINK, "label device", name, {}, [("IFLA_IFNAME", name), ("IFLA_IFALIAS", alias)])


def add_pair(name: str, master: int, mtu_bytes: int, peer: str, peer_hardware: str, peer_namespace: int) -> Request:
    """Make a veth(4) pair: one end up and on a bridge, the other already in its namespace under its final name.

    A device that is moved there later costs some 15 ms, in which the kernel waits for readers (RCU); one that is made
    there costs nothing. The peer cannot be up yet: the kernel opens it before it has a peer of its own (ENOTCONN).
    """
    other = {
        "flags": 0,
        "change": 0,
        "attrs": [
            ("IFLA_IFNAME", peer),
            ("IFLA_MTU", mtu_bytes),
            ("IFLA_ADDRESS", peer_hardware),
            ("IFLA_NET_NS_FD", peer_namespace),
        ],
    }
    attributes: Attributes = [
        ("IFLA_IFNAME", name),
        ("IFLA_MTU", mtu_bytes),
        ("IFLA_MASTER", master),
        _kind("veth", [("VETH_INFO_PEER", other)]),
    ]
    return Request(RTM_NEWLINK, "create device", name, {"flags": _IFF_UP, "change": _IFF_UP}, attributes, create=True)


def set_port(name: str, *, isolated: bool) -> Request:
    """Say how a port of a bridge forwards.

    It sends back to where a packet came from (hairpin), which a container needs that uses its own published port
    while the bridge's packets pass the filter (br_netfilter). An isolated port exchanges packets with the bridge
    itself, but not with other such ports.
    """
    data = {"attrs": [("IFLA_BRPORT_MODE", 1), ("IFLA_BRPORT_ISOLATED", int(isolated))]}
    info = {"attrs": [("IFLA_INFO_SLAVE_KIND", "bridge"), ("IFLA_INFO_SLAVE_DATA", data)]}
    return Request(RTM_NEWLINK, "set bridge port", name, {}, [("IFLA_IFNAME", name), ("IFLA_LINKINFO", info)])


def set_up(index: int, name: str) -> Request:
    """Bring a device up."""
    return Request(RTM_SETLINK, "bring up device", name, {"index": index, "flags": _IFF_UP, "change": _IFF_UP})


def delete_link(name: str) -> Request:
    """Delete a device, and with a veth end the other."""
    return Request(RTM_DELLINK, "delete device", name, {}, [("IFLA_IFNAME", name)])


def add_address(index: int, name: str, address: str, prefix_length: int, broadcast: str) -> Request:
    """Give a device an IPv4 address."""
    fields = {"family": socket.AF_INET, "prefixlen": prefix_length, "index": index}
    attributes: Attributes = [("IFA_LOCAL", address), ("IFA_ADDRESS", address), ("IFA_BROADCAST", broadcast)]
    return Request(RTM_NEWADDR, f"give address {address} to", name, fields, attributes, create=True)


def add_default_route(index: int, gateway: str) -> Request:
    """Send what has no other route to a gateway."""
    attributes: Attributes = [("RTA_GATEWAY", gateway), ("RTA_OIF", index)]
    return Request(RTM_NEWROUTE, "route to", gateway, dict(_DEFAULT_ROUTE), attributes, create=True)


def delete_default_route() -> Request:
    """Forget the route for what has no other."""
    return Request(RTM_DELROUTE, "delete route", "default", dict(_DEFAULT_ROUTE))


def _kind(name: str, data: Attributes) -> tuple[str, Any]:
    return ("IFLA_LINKINFO", {"attrs": [("IFLA_INFO_KIND", name), ("IFLA_INFO_DATA", {"attrs": data})]})
