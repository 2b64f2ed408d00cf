"""Bridges: the switch of a network, with the gateway's address."""

from __future__ import annotations

import contextlib
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from runtime.network import firewall
from runtime.network.addresses import hardware_address, parse_routes
from runtime.network.errors import NetworkError, refused
from runtime.network.links import add_address, add_bridge, delete_link, set_alias
from runtime.network.model import Network
from runtime.network.netlink import Netlink, index_of

_LABEL = "tare network "
_SETTINGS = Path("/proc/sys/net/ipv4")


def create_bridge(network: Network) -> list[str]:
    """Make a network's bridge, give it the gateway's address, and let its packets pass.

    Parameters
    ----------
    network : Network
        Of driver bridge; `firewall.install_table` has been called.

    Returns
    -------
    list of str
        Settings of the host that had to be changed and stay so, in words: forwarding.

    Raises
    ------
    NetworkError
        The device exists, or the kernel or nft refused; nothing is left then. `PrivilegeError` without CAP_NET_ADMIN.
    """
    subnet = IPv4Network(network.subnet)
    # Its address is fixed: left alone, a bridge takes the lowest of its ports', and containers' ARP caches go stale
    hardware = hardware_address(IPv4Address(network.gateway))
    with Netlink() as netlink, contextlib.ExitStack() as undo:
        netlink.apply(add_bridge(network.bridge, network.mtu_bytes, hardware))
        undo.callback(_delete, netlink, network.bridge)
        netlink.apply(
            set_alias(network.bridge, f"{_LABEL}{network.id}"),
            add_address(
                index_of(network.bridge), network.bridge, network.gateway, subnet.prefixlen,
                str(subnet.broadcast_address),
            ),
        )  # fmt: skip
        # A process of the host that connects to 127.0.0.1 at a published port is led here with that as its source
        # address; the chain "wire" drops what containers send there
        _write_setting(f"conf/{network.bridge}/route_localnet", "1")
        firewall.add_network(network)
        undo.callback(firewall.remove_network, network)
        changed = [] if network.internal else _enable_forwarding()
        undo.pop_all()
    return changed


def delete_bridge(network: Network) -> None:
    """Remove a network's bridge and what the packet filter knows of it; a device that is gone already is no error.

    Raises
    ------
    NetworkError
        The device of that name is not ours, or the kernel or nft refused.
    """
    with Netlink() as netlink:
        for _, name, alias in netlink.links():
            if name == network.bridge:
                if alias != f"{_LABEL}{network.id}":
                    hint = f"see what it is: ip -d link show {name}"
                    raise NetworkError("delete bridge", name, "it was not made for this network", hint)
                _delete(netlink, name)
    firewall.remove_network(network)


def existing_bridges() -> dict[str, str]:
    """Bridges that an engine made, by device, with the id of their network.

    Raises
    ------
    NetworkError
        The kernel refused.
    """
    with Netlink() as netlink:
        return {name: alias.removeprefix(_LABEL) for _, name, alias in netlink.links() if alias.startswith(_LABEL)}


def delete_leftover(device: str) -> None:
    """Delete a bridge that no network wants.

    Raises
    ------
    NetworkError
        The kernel refused.
    """
    with Netlink() as netlink:
        _delete(netlink, device)


def routed_subnets() -> list[IPv4Network]:
    """Destinations that this host routes already, which a new network must not hide."""
    return parse_routes(Path("/proc/thread-self/net/route").read_text())


def _delete(netlink: Netlink, name: str) -> None:
    netlink.apply(delete_link(name))


def _enable_forwarding() -> list[str]:
    if (_SETTINGS / "ip_forward").read_text().strip() == "1":
        return []
    _write_setting("ip_forward", "1")
    return ["net.ipv4.ip_forward: 0 -> 1"]


def _write_setting(name: str, value: str) -> None:
    try:
        (_SETTINGS / name).write_text(value)
    except OSError as error:
        hint = f"make /proc/sys writable, or as root on the host: sysctl -w net.ipv4.{name.replace('/', '.')}={value}"
        raise refused("set", f"net.ipv4.{name.replace('/', '.')}", error.errno or 0, hint) from error
