"""A network namespace's connection to a bridge: a virtual cable, an address, a route.

Measured with a warm process on a 2-core cloud VM: 1.6 ms for the whole of `connect` (benchmark: tests/network/
test_endpoint.py prints it). The kernel's own part is 0.6 ms; deleting a cable takes it 15 ms, in which it waits for
readers, so let it die with the namespace where that ends anyway.
"""

from __future__ import annotations

import contextlib
from ipaddress import IPv4Interface
from pathlib import Path

from runtime.network.errors import NetworkError
from runtime.network.links import (
    add_address,
    add_default_route,
    add_pair,
    delete_default_route,
    delete_link,
    set_port,
    set_up,
)
from runtime.network.model import Endpoint, Network
from runtime.network.namespace import inside
from runtime.network.netlink import Netlink, index_of

_LOOPBACK_INDEX = 1  # the first device of every namespace
_IPV6 = Path("/proc/sys/net/ipv6/conf/all/disable_ipv6")


def connect(network: Network, endpoint: Endpoint, namespace: int, *, default_route: bool) -> None:
    """Connect a network namespace to a bridge network.

    A pair of devices is made, one end on the bridge and the other in the namespace with its final name, hardware
    address, IPv4 address and route; the loopback interface is brought up, and IPv6 switched off, as Docker does.
    The host's end goes when the namespace goes.

    Parameters
    ----------
    network : Network
        Its bridge exists.
    endpoint : Endpoint
        Names and addresses.
    namespace : int
        Descriptor of the network namespace.
    default_route : bool
        Whether this network is the namespace's way out; an internal one never is.

    Raises
    ------
    NetworkError
        The kernel refused; nothing is left then. `PrivilegeError` without CAP_NET_ADMIN and CAP_SYS_ADMIN.
    """
    name = endpoint.host_device
    gateway = endpoint.gateway if default_route and not network.internal else ""
    with Netlink() as netlink, contextlib.ExitStack() as undo:
        cable = add_pair(
            name,
            index_of(network.bridge),
            network.mtu_bytes,
            endpoint.device,
            endpoint.hardware_address,
            namespace,
        )
        netlink.apply(cable)
        undo.callback(netlink.apply, delete_link(name))
        netlink.apply(set_port(name, isolated=not network.between_containers))
        inside(namespace, lambda: _configure(endpoint, gateway))
        undo.pop_all()


def disconnect(endpoint: Endpoint) -> None:
    """Take a namespace off its network; a cable that is gone already is no error.

    Raises
    ------
    NetworkError
        The kernel refused.
    """
    with Netlink() as netlink:
        try:
            netlink.apply(delete_link(endpoint.host_device))
        except NetworkError:
            if any(name == endpoint.host_device for _, name, _ in netlink.links()):
                raise


def change_default_route(endpoint: Endpoint, namespace: int) -> None:
    """Make a connected network the namespace's way out, when the one that was is disconnected.

    Raises
    ------
    NetworkError
        The kernel refused.
    """

    def change() -> None:
        with Netlink() as netlink, contextlib.suppress(NetworkError):
            netlink.apply(delete_default_route())
        with Netlink() as netlink:
            netlink.apply(add_default_route(index_of(endpoint.device), endpoint.gateway))

    inside(namespace, change)


def _configure(endpoint: Endpoint, gateway: str) -> None:
    """The half of `connect` that happens inside the namespace."""
    with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
        _IPV6.write_text("1")
    index = index_of(endpoint.device)
    interface = IPv4Interface(f"{endpoint.address}/{endpoint.prefix_length}")
    requests = [
        set_up(_LOOPBACK_INDEX, "lo"),
        set_up(index, endpoint.device),
        add_address(
            index, endpoint.device, endpoint.address, endpoint.prefix_length,
            str(interface.network.broadcast_address),
        ),
    ]  # fmt: skip
    if gateway:
        requests.append(add_default_route(index, gateway))
    with Netlink() as netlink:
        netlink.apply(*requests)
