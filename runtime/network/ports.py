"""Ports to publish: ``-p`` as the user types it, and the port maps of the Docker API; pure."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any

from runtime.network.errors import PortError

PROTOCOLS = ("tcp", "udp", "sctp")
_EXAMPLE = "for example -p 8080:80, -p 127.0.0.1:8080:80/tcp or -p 8000-8010:80"
_FORM = re.compile(r"(?:(?P<address>[^:\[\]]*|\[[^\]]*\]):)?(?:(?P<host>[^:]*):)?(?P<container>[^:]+)")

PortMap = dict[str, list[dict[str, str]]]
ShownPortMap = dict[str, list[dict[str, str]] | None]


@dataclass(frozen=True, slots=True)
class Binding:
    """A wish: a container's port at a port of the host, or at any of a range.

    Attributes
    ----------
    container_port : int
        1 to 65535.
    protocol : {"tcp", "udp", "sctp"}
        Transport.
    host_address : str
        IPv4 address of the host; empty for the network's default.
    host_ports : range
        Candidates, in order; empty for any free port that the kernel picks.
    """

    container_port: int
    protocol: str
    host_address: str
    host_ports: range


@dataclass(frozen=True, slots=True)
class Publication:
    """What was made of a wish: exactly one port at one address of the host, led to a container's address.

    Attributes
    ----------
    protocol : {"tcp", "udp", "sctp"}
        Transport.
    host_address : str
        IPv4 address, ``0.0.0.0`` for all.
    host_port, container_port : int
        1 to 65535.
    container_address : str
        IPv4 address.
    """

    protocol: str
    host_address: str
    host_port: int
    container_address: str
    container_port: int

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Publication:
        """Read what `to_dict` wrote."""
        return cls(**values)


def parse_publish(text: str) -> list[Binding]:
    """Read one ``-p`` option: ``[[ADDRESS:][HOST_PORT[-LAST]]:]CONTAINER_PORT[-LAST][/PROTOCOL]``.

    Returns
    -------
    list of Binding
        One for each container port of a range. Two ranges of one length pair up; a range of host ports for a single
        container port means any of them.

    Raises
    ------
    PortError
        Not of that form, a port beyond 65535, ranges that do not pair up, or no IPv4 address.
    """
    body, slash, protocol = text.partition("/")
    match = _FORM.fullmatch(body)
    if match is None:
        raise PortError("publish port", text, "not of the form [[address:]host:]container[/protocol]", _EXAMPLE)
    address, host, container = match["address"], match["host"], match["container"]
    if address is not None and host is None:  # HOST:CONTAINER matches with its first part as an address
        address, host = "", address
    protocol = _protocol(text, protocol if slash else "tcp")
    targets = _range(text, container)
    sources = _range(text, host) if host else range(0)
    where = _address(text, address or "")
    if not sources or len(targets) == 1:
        return [Binding(port, protocol, where, sources) for port in targets]
    if len(sources) != len(targets):
        raise PortError("publish port", text, "ranges of different length", "give both ranges as many ports")
    return [
        Binding(port, protocol, where, range(source, source + 1)) for source, port in zip(sources, targets, strict=True)
    ]


def bindings_from_map(ports: Mapping[str, Sequence[Mapping[str, str]] | None]) -> list[Binding]:
    """Read ``HostConfig.PortBindings`` of the Docker API.

    Raises
    ------
    PortError
        A port, protocol or address that cannot be read.
    """
    found = []
    for key, wishes in ports.items():
        port, protocol = parse_exposed(key)
        for wish in wishes or [{}]:
            host = wish.get("HostPort") or ""
            text = f"{host}:{key}"
            candidates = _range(text, host) if host and host != "0" else range(0)
            found.append(Binding(port, protocol, _address(text, wish.get("HostIp") or ""), candidates))
    return found


def parse_exposed(key: str) -> tuple[int, str]:
    """Read a key of ``ExposedPorts``: ``80/tcp``, or ``80`` for tcp.

    Raises
    ------
    PortError
        Not one port and a protocol.
    """
    number, slash, protocol = key.partition("/")
    ports = _range(key, number)
    if len(ports) != 1:
        raise PortError("read port", key, "a range where one port is meant", "for example 80/tcp")
    return ports[0], _protocol(key, protocol if slash else "tcp")


def expose_range(text: str) -> list[str]:
    """Keys of ``ExposedPorts`` for an ``--expose`` option or an EXPOSE instruction: ``8000-8002/udp`` gives three.

    Raises
    ------
    PortError
        Not a port or range with an optional protocol.
    """
    number, slash, protocol = text.partition("/")
    protocol = _protocol(text, protocol if slash else "tcp")
    return [f"{port}/{protocol}" for port in _range(text, number)]


def bindings_to_map(bindings: Iterable[Binding]) -> PortMap:
    """Write wishes as ``HostConfig.PortBindings``."""
    written: PortMap = {}
    for wish in bindings:
        host = wish.host_ports
        text = "" if not host else str(host[0]) if len(host) == 1 else f"{host[0]}-{host[-1]}"
        entry = {"HostIp": wish.host_address, "HostPort": text}
        written.setdefault(f"{wish.container_port}/{wish.protocol}", []).append(entry)
    return written


def published_map(publications: Iterable[Publication], exposed: Iterable[str]) -> ShownPortMap:
    """Write ``NetworkSettings.Ports``: published ports with their places, others with null."""
    shown: ShownPortMap = dict.fromkeys(exposed)
    for made in publications:
        key = f"{made.container_port}/{made.protocol}"
        entry = {"HostIp": made.host_address, "HostPort": str(made.host_port)}
        shown[key] = [*(shown.get(key) or []), entry]
    return shown


def port_summary(publications: Iterable[Publication], exposed: Iterable[str]) -> list[dict[str, Any]]:
    """Write ``Ports`` of the list of containers, which ``docker ps`` prints."""
    rows: list[dict[str, Any]] = []
    for key, places in published_map(publications, exposed).items():
        port, protocol = parse_exposed(key)
        if places is None:
            rows.append({"PrivatePort": port, "Type": protocol})
            continue
        for place in places:
            public = int(place["HostPort"])
            rows.append({"IP": place["HostIp"], "PrivatePort": port, "PublicPort": public, "Type": protocol})
    return rows


def _range(text: str, ports: str) -> range:
    first, dash, last = ports.partition("-")
    numbers = [first, last] if dash else [first]
    if not all(number.isascii() and number.isdecimal() and 1 <= int(number[:6]) <= 65535 for number in numbers):
        raise PortError("publish port", text, f"invalid port '{ports}'", _EXAMPLE)
    made = range(int(first), int(numbers[-1]) + 1)
    if not made:
        raise PortError("publish port", text, f"the range '{ports}' ends before it starts", _EXAMPLE)
    return made


def _protocol(text: str, protocol: str) -> str:
    if protocol.lower() not in PROTOCOLS:
        raise PortError("publish port", text, f"invalid protocol '{protocol}'", "tcp, udp or sctp")
    return protocol.lower()


def _address(text: str, address: str) -> str:
    if not address:
        return ""
    if ":" in address:
        raise PortError("publish port", text, "IPv6 addresses are not supported", "leave the address out, or give IPv4")
    try:
        return str(IPv4Address(address))
    except ValueError as error:
        raise PortError("publish port", text, f"invalid address '{address}'", _EXAMPLE) from error
