"""IPv4 subnets, container addresses and hardware addresses; pure. The caller keeps the state, plain values all."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from runtime.network.errors import AddressError

# Docker's: 15 networks of 65,534 addresses, then 16 of 4,094
DEFAULT_POOLS = (
    *(IPv4Network(f"172.{second}.0.0/16") for second in range(17, 32)),
    *IPv4Network("192.168.0.0/16").subnets(new_prefix=20),
)


def choose_subnet(used: Iterable[IPv4Network], pools: Iterable[IPv4Network] = DEFAULT_POOLS) -> IPv4Network:
    """Find the first subnet that overlaps with nothing in use.

    Parameters
    ----------
    used : iterable of IPv4Network
        Subnets of other networks, and the destinations that the host routes already.
    pools : iterable of IPv4Network
        Candidates, in order.

    Raises
    ------
    AddressError
        All overlap.
    """
    taken = list(used)
    for subnet in pools:
        if not any(subnet.overlaps(other) for other in taken):
            return subnet
    raise AddressError(
        "choose a subnet for", "network", "all predefined address pools have been fully subnetted",
        "remove networks that nobody uses: docker network prune; or name one: --subnet 10.77.0.0/24",
    )  # fmt: skip


def parse_routes(text: str) -> list[IPv4Network]:
    """Read the destinations of all routes but the default ones.

    Parameters
    ----------
    text : str
        Of ``/proc/net/route``, proc_pid_net(5): hexadecimal numbers in the machine's byte order.
    """
    found = []
    for line in text.splitlines()[1:]:
        words = line.split()
        destination, mask = (IPv4Address(int(words[n], 16).to_bytes(4, sys.byteorder)) for n in (1, 7))
        if int(mask):
            found.append(IPv4Network(f"{destination}/{mask}"))
    return found


def parse_subnet(text: str) -> IPv4Network:
    """Read a subnet in CIDR notation; bits beyond the prefix are cut off, as Docker does.

    Raises
    ------
    AddressError
        Not an IPv4 subnet, or one without room for a gateway and a container (longer than /30).
    """
    try:
        subnet = IPv4Network(text, strict=False)
    except ValueError as error:
        raise AddressError("read subnet", text, "invalid CIDR address", "for example --subnet 10.77.0.0/24") from error
    if "/" not in text or subnet.prefixlen > 30:
        raise AddressError("read subnet", text, "invalid CIDR address", "for example --subnet 10.77.0.0/24")
    return subnet


def parse_address(text: str) -> IPv4Address:
    """Read an IPv4 address.

    Raises
    ------
    AddressError
        Not an IPv4 address.
    """
    try:
        return IPv4Address(text)
    except ValueError as error:
        raise AddressError("read address", text, "invalid IPv4 address", "for example --ip 172.18.0.10") from error


def hardware_address(address: IPv4Address) -> str:
    """The hardware address that Docker derives: ``02:42`` (locally administered, unicast), then the IPv4 address.

    One address has one hardware address for ever, so a neighbour's ARP cache stays right when it is given again.
    """
    return ":".join(f"{byte:02x}" for byte in (0x02, 0x42, *address.packed))


@dataclass(slots=True)
class Subnet:
    """A subnet and what is taken of it.

    Attributes
    ----------
    network : IPv4Network
        The subnet.
    gateway : IPv4Address
        The bridge's own address; by default the first.
    allowed : IPv4Network or None
        The part that addresses are chosen from (``--ip-range``); a requested address may lie outside.
    taken : set of IPv4Address
        Addresses given away, the gateway and the auxiliary ones among them.
    """

    network: IPv4Network
    gateway: IPv4Address
    allowed: IPv4Network | None = None
    taken: set[IPv4Address] = field(default_factory=set)
    _first_free: int = 0  # offset below which nothing is free: makes a run of allocations linear, not quadratic

    def __post_init__(self) -> None:
        if self.allowed is not None and not self.allowed.subnet_of(self.network):
            raise AddressError("allocate from", str(self.allowed), f"not inside the subnet {self.network}")
        self._check(self.gateway)
        self.taken.add(self.gateway)

    @classmethod
    def make(
        cls,
        network: IPv4Network,
        gateway: IPv4Address | None = None,
        allowed: IPv4Network | None = None,
        auxiliary: Mapping[str, IPv4Address] | None = None,
    ) -> Subnet:
        """Start a subnet.

        Parameters
        ----------
        network : IPv4Network
            The subnet, /30 or shorter.
        gateway : IPv4Address or None
            None for the first address.
        allowed : IPv4Network or None
            As in the class.
        auxiliary : mapping of str to IPv4Address
            Addresses that others have (``--aux-address``), by name.

        Raises
        ------
        AddressError
            One of them lies outside, or two are the same.
        """
        made = cls(network, gateway or network.network_address + 1, allowed)
        for address in (auxiliary or {}).values():
            made.request(address)
        return made

    def allocate(self) -> IPv4Address:
        """Take the lowest free address.

        Raises
        ------
        AddressError
            None is left.
        """
        pool = self.allowed or self.network
        base = int(pool.network_address)
        for offset in range(self._first_free, pool.num_addresses):
            address = IPv4Address(base + offset)
            if address not in self.taken and self._is_host(address):
                self._first_free = offset + 1
                self.taken.add(address)
                return address
        self._first_free = pool.num_addresses
        raise AddressError(
            "allocate an address in", str(pool), "no available IPv4 addresses on this network's address pools",
            "remove containers, or create a network with a larger subnet",
        )  # fmt: skip

    def request(self, address: IPv4Address) -> None:
        """Take this address.

        Raises
        ------
        AddressError
            It is outside the subnet, its network or broadcast address, or taken.
        """
        self._check(address)
        if address in self.taken:
            raise AddressError(
                "take address", str(address), "address already in use", "choose another, or leave --ip out"
            )
        self.taken.add(address)

    def release(self, address: IPv4Address) -> None:
        """Give an address back; one that is not taken is no error, and the gateway stays taken."""
        if address != self.gateway and address in self.taken:
            self.taken.remove(address)
            base = int((self.allowed or self.network).network_address)
            self._first_free = min(self._first_free, max(0, int(address) - base))

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "network": str(self.network),
            "gateway": str(self.gateway),
            "allowed": None if self.allowed is None else str(self.allowed),
            "taken": [str(address) for address in sorted(self.taken)],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Subnet:
        """Read what `to_dict` wrote."""
        return cls(
            IPv4Network(values["network"]),
            IPv4Address(values["gateway"]),
            None if values["allowed"] is None else IPv4Network(values["allowed"]),
            {IPv4Address(address) for address in values["taken"]},
        )

    def _is_host(self, address: IPv4Address) -> bool:
        return address not in (self.network.network_address, self.network.broadcast_address)

    def _check(self, address: IPv4Address) -> None:
        if address not in self.network or not self._is_host(address):
            raise AddressError(
                "take address", str(address), f"no usable address of the subnet {self.network}",
                f"choose one from {self.network[1]} to {self.network[-2]}",
            )  # fmt: skip
