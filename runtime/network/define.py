"""Networks and endpoints from requests of the Docker Engine API, checked, what they leave open chosen; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network
from typing import Any

from runtime.network.addresses import Subnet, choose_subnet, hardware_address, parse_address, parse_subnet
from runtime.network.errors import AddressError, NetworkError
from runtime.network.model import DEFAULT_BRIDGE, DEFAULT_MTU_BYTES, Endpoint, Network, bridge_name

_PREFIX = "com.docker.network."
_BRIDGE_PREFIX = "com.docker.network.bridge."
_MTU_RANGE_BYTES = range(68, 65536)  # RFC 791: what every IPv4 link must carry
_NAME_LIMIT_BYTES = 15  # IFNAMSIZ - 1
_HARDWARE = re.compile(r"(?:[0-9a-f]{2}:){5}[0-9a-f]{2}")
_TRUE = {"true": True, "1": True, "false": False, "0": False}


def predefined_networks(identifiers: Mapping[str, str], created: str, used: Iterable[IPv4Network]) -> list[Network]:
    """The three networks that every engine has: bridge, host, none.

    Parameters
    ----------
    identifiers : mapping of str to str
        The 64 digits of each, by name.
    created : str
        RFC 3339 time.
    used : iterable of IPv4Network
        Destinations that the host routes already.

    Raises
    ------
    AddressError
        No predefined subnet is free.
    """
    subnet = choose_subnet(used)
    options = {
        f"{_BRIDGE_PREFIX}default_bridge": "true",
        f"{_BRIDGE_PREFIX}enable_icc": "true",
        f"{_BRIDGE_PREFIX}enable_ip_masquerade": "true",
        f"{_BRIDGE_PREFIX}host_binding_ipv4": "0.0.0.0",  # noqa: S104
        f"{_BRIDGE_PREFIX}name": DEFAULT_BRIDGE,
        f"{_PREFIX}driver.mtu": str(DEFAULT_MTU_BYTES),
    }
    return [
        Network(
            identifiers["bridge"], "bridge", "bridge", created, str(subnet), str(subnet[1]),
            bridge=DEFAULT_BRIDGE, subnet_requested=True, options=options,
        ),
        Network(identifiers["host"], "host", "host", created),
        Network(identifiers["none"], "none", "null", created),
    ]  # fmt: skip


def define_network(
    body: Mapping[str, Any], network_id: str, created: str, used: Iterable[IPv4Network]
) -> tuple[Network, Subnet]:
    """Check a request and choose what it leaves open.

    Parameters
    ----------
    body : mapping
        As the API describes it; members that are absent or null have Docker's defaults.
    network_id : str
        64 hexadecimal digits.
    created : str
        RFC 3339 time.
    used : iterable of IPv4Network
        Subnets of other networks and destinations that the host routes already.

    Returns
    -------
    tuple of Network and Subnet
        The network, and the start of its addresses.

    Raises
    ------
    NetworkError
        A driver, an option or IPv6, which Tare does not have; `AddressError` for what is wrong with addresses.
    """
    name = body.get("Name") or ""
    driver = body.get("Driver") or "bridge"
    if driver != "bridge":
        hint = "leave --driver out, or use --network host or none, which exist already"
        raise NetworkError("create network", name, f"no driver '{driver}': only bridge networks can be made", hint)
    if body.get("EnableIPv6"):
        raise NetworkError("create network", name, "no IPv6 networks here", "leave --ipv6 out")
    if body.get("Ingress") or body.get("ConfigOnly") or body.get("Scope", "local") not in ("", "local"):
        raise NetworkError("create network", name, "swarm networks are not supported", "leave --scope out")
    options = {key: str(value) for key, value in (body.get("Options") or {}).items()}
    subnet, ip_range, auxiliary, requested = _addresses(name, body.get("IPAM") or {}, tuple(used))
    binding = options.get(f"{_BRIDGE_PREFIX}host_binding_ipv4", "0.0.0.0")  # noqa: S104
    network = Network(
        network_id,
        name,
        driver,
        created,
        subnet=str(subnet.network),
        gateway=str(subnet.gateway),
        ip_range=ip_range,
        auxiliary=auxiliary,
        internal=bool(body.get("Internal")),
        between_containers=_flag(options, f"{_BRIDGE_PREFIX}enable_icc"),
        masquerade=_flag(options, f"{_BRIDGE_PREFIX}enable_ip_masquerade"),
        binding_address=str(parse_address(binding)),
        mtu_bytes=_mtu(options),
        bridge=_bridge(options, network_id),
        attachable=bool(body.get("Attachable")),
        subnet_requested=requested,
        options=options,
        labels=dict(body.get("Labels") or {}),
    )
    return network, subnet


def define_endpoint(
    network: Network,
    subnet: Subnet,
    settings: Mapping[str, Any],
    endpoint_id: str,
    container: tuple[str, str],
    device: str,
) -> Endpoint:
    """Check a container's wishes for a bridge network, and take an address for it.

    Parameters
    ----------
    network : Network
        Of driver bridge.
    subnet : Subnet
        Its addresses; the caller releases the one that is taken here when the container leaves.
    settings : mapping
        ``EndpointSettings`` of the API; empty for none. MacAddress, IPAMConfig, Aliases and Links are read.
    endpoint_id : str
        64 hexadecimal digits.
    container : tuple of str
        Its id and its name.
    device : str
        Name inside: eth0, eth1, ...

    Raises
    ------
    NetworkError
        Aliases or an address on a network that has none by the user's choice, as Docker refuses them, or a malformed
        hardware address; `AddressError` for an address that cannot be had.
    """
    requested = (settings.get("IPAMConfig") or {}).get("IPv4Address") or ""
    aliases = tuple(settings.get("Aliases") or ())
    hardware = (settings.get("MacAddress") or "").lower().replace("-", ":")
    if aliases and network.default:
        reason = "network-scoped alias is supported only for containers in user defined networks"
        raise NetworkError("connect to network", network.name, reason, "create a network: docker network create NAME")
    if requested and (network.default or not network.subnet_requested):
        reason = "user specified IP address is supported only when connecting to networks with user configured subnets"
        hint = "create the network with a subnet: docker network create --subnet 10.77.0.0/24 NAME"
        raise NetworkError("connect to network", network.name, reason, hint)
    if hardware and (_HARDWARE.fullmatch(hardware) is None or int(hardware[:2], 16) & 1):
        hint = "for example --mac-address 02:42:ac:11:00:09; the second digit must be even"
        raise NetworkError("use hardware address", hardware, "not six bytes of a single station", hint)
    if requested:
        address = parse_address(requested)
        subnet.request(address)
    else:
        address = subnet.allocate()
    return Endpoint(
        endpoint_id,
        network.id,
        container[0],
        container[1],
        str(address),
        "" if network.internal else network.gateway,
        subnet.network.prefixlen,
        hardware or hardware_address(address),
        device,
        aliases,
        tuple(settings.get("Links") or ()),
        requested,
    )


def _addresses(
    name: str, ipam: Mapping[str, Any], used: tuple[IPv4Network, ...]
) -> tuple[Subnet, str, dict[str, str], bool]:
    """The subnet, its range and auxiliary addresses as written, and whether the user named the subnet."""
    if (ipam.get("Driver") or "default") != "default":
        raise NetworkError("create network", name, f"no address driver '{ipam['Driver']}'", "leave --ipam-driver out")
    configs = [config for config in ipam.get("Config") or [] if config]
    if not configs:
        return Subnet.make(choose_subnet(used)), "", {}, False
    if len(configs) > 1:
        raise AddressError("create network", name, "more than one subnet", "give one --subnet")
    config = configs[0]
    if not config.get("Subnet"):
        raise AddressError("create network", name, "addresses without a subnet", "add --subnet")
    network = parse_subnet(config["Subnet"])
    for other in used:
        if network.overlaps(other):
            reason = f"pool overlaps with other one on this address space: {other}"
            raise AddressError("create network", name, reason, "choose another --subnet, or leave it out")
    ip_range = config.get("IPRange") or ""
    auxiliary = dict(config.get("AuxiliaryAddresses") or {})
    subnet = Subnet.make(
        network,
        parse_address(config["Gateway"]) if config.get("Gateway") else None,
        _range(ip_range) if ip_range else None,
        {key: parse_address(value) for key, value in auxiliary.items()},
    )
    return subnet, ip_range, auxiliary, True


def _range(text: str) -> IPv4Network:
    try:
        return IPv4Network(text, strict=False)
    except ValueError as error:
        raise AddressError("read range", text, "invalid CIDR address", "for example --ip-range 10.77.1.0/24") from error


def _flag(options: Mapping[str, str], key: str) -> bool:
    text = options.get(key, "true").lower()
    if text not in _TRUE:
        hint = f"for example -o {key}=false"
        raise NetworkError("set network option", key, f"'{text}' is neither true nor false", hint)
    return _TRUE[text]


def _mtu(options: Mapping[str, str]) -> int:
    key = f"{_PREFIX}driver.mtu"
    text = options.get(key, str(DEFAULT_MTU_BYTES))
    if not text.isdecimal() or int(text) not in _MTU_RANGE_BYTES:
        hint = f"for example -o {key}=1400"
        raise NetworkError("set network option", key, f"'{text}' is not between 68 and 65535", hint)
    return int(text)


def _bridge(options: Mapping[str, str], network_id: str) -> str:
    key = f"{_BRIDGE_PREFIX}name"
    chosen = options.get(key) or bridge_name(network_id)
    if len(chosen.encode()) > _NAME_LIMIT_BYTES or not chosen.isascii() or not chosen.replace("-", "").isalnum():
        hint = "use 15 letters, digits and dashes at most"
        raise NetworkError("set network option", key, f"'{chosen}' cannot name a device", hint)
    return chosen
