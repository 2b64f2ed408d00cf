"""A network and a container's endpoint on it, as values that the engine keeps and writes to its state; pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_ID_DIGITS = 12
DEFAULT_BRIDGE = "tare0"
DEFAULT_MTU_BYTES = 1500


@dataclass(frozen=True, slots=True)
class Network:
    """A network.

    Attributes
    ----------
    id : str
        64 hexadecimal digits.
    name : str
        The user's name; ``bridge``, ``host`` and ``none`` are always there.
    driver : {"bridge", "host", "null"}
        Only a bridge network has addresses.
    created : str
        RFC 3339 time.
    subnet, gateway : str
        CIDR and address, empty without.
    ip_range : str
        The part of the subnet that addresses are chosen from; empty for all.
    auxiliary : mapping of str to str
        Addresses of the subnet that others have, by name.
    internal : bool
        No way out: no default route, nothing forwarded.
    between_containers : bool
        Whether containers of this network reach each other (Docker's enable_icc).
    masquerade : bool
        Whether containers leave with the host's address.
    binding_address : str
        Address of the host at which ports are published when none is named.
    mtu_bytes : int
        Largest packet.
    bridge : str
        Name of the bridge device, at most 15 bytes; empty without.
    attachable : bool
        Kept for documents.
    subnet_requested : bool
        Whether the user named the subnet.
    options, labels : mapping of str to str
        As the user gave them.
    """

    id: str
    name: str
    driver: str
    created: str
    subnet: str = ""
    gateway: str = ""
    ip_range: str = ""
    auxiliary: Mapping[str, str] = field(default_factory=dict)
    internal: bool = False
    between_containers: bool = True
    masquerade: bool = True
    binding_address: str = "0.0.0.0"  # noqa: S104  what Docker means by no address
    mtu_bytes: int = DEFAULT_MTU_BYTES
    bridge: str = ""
    attachable: bool = False
    subnet_requested: bool = False
    options: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def default(self) -> bool:
        """Whether this is the network of containers that name none; it has no name resolution."""
        return self.name == "bridge"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Network:
        """Read what `to_dict` wrote."""
        return cls(**values)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A container's place on a bridge network.

    Attributes
    ----------
    id, network_id, container_id : str
        64 hexadecimal digits each.
    container_name : str
        Without the leading slash.
    address, gateway : str
        IPv4 addresses; the gateway is empty on an internal network.
    prefix_length : int
        Bits of the subnet's mask.
    hardware_address : str
        Six bytes in hexadecimal, with colons.
    device : str
        Name inside the container: eth0, eth1, ...
    aliases : tuple of str
        Further names on this network, as the user gave them.
    links : tuple of str
        ``CONTAINER:ALIAS``, as the user gave them.
    requested_address : str
        The address that the user asked for; empty for none.
    """

    id: str
    network_id: str
    container_id: str
    container_name: str
    address: str
    gateway: str
    prefix_length: int
    hardware_address: str
    device: str = "eth0"
    aliases: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    requested_address: str = ""

    @property
    def host_device(self) -> str:
        """Name of the end that is on the bridge: 15 bytes, the kernel's limit."""
        return f"vt-{self.id[:_ID_DIGITS]}"

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Endpoint:
        """Read what `to_dict` wrote, also after JSON made lists of the tuples."""
        return cls(**{**values, "aliases": tuple(values["aliases"]), "links": tuple(values["links"])})


def bridge_name(network_id: str) -> str:
    """The device of a user-defined network: ``tare-`` and 10 hexadecimal digits, 15 bytes, the kernel's limit."""
    return f"tare-{network_id[:10]}"
