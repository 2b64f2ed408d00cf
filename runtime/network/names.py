"""Names of containers, and answers to DNS questions about them; pure (RFC 1035, the wire format by dnslib)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from dnslib import PTR, QTYPE, RCODE, RR, A, DNSError, DNSRecord

from runtime.network.model import Endpoint

_TIME_TO_LIVE_S = 600  # Docker's
_SHORT_ID_DIGITS = 12
_PLAIN_LIMIT_BYTES = 512  # RFC 1035 4.2.1, over UDP for who announces no more
_EDNS_LIMIT_BYTES = 4096


@dataclass(frozen=True, slots=True)
class Zone:
    """What one container can look up.

    Attributes
    ----------
    addresses : mapping of str to tuple of str
        IPv4 addresses by name in lower case, without a final dot.
    names : mapping of str to str
        Name by IPv4 address.
    """

    addresses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


def make_zone(networks: Iterable[tuple[str, Iterable[Endpoint]]], links: Mapping[str, str] | None = None) -> Zone:
    """Collect the names on all user-defined networks that a container is on.

    Parameters
    ----------
    networks : iterable of tuple
        Name of each network, and the endpoints of the running containers on it.
    links : mapping of str to str
        The container's own further names for others: container name by alias.

    Returns
    -------
    Zone
        Each container by name, aliases and short id, each also with the network's name behind a dot. A name that
        several have gives all their addresses.
    """
    addresses: dict[str, list[str]] = {}
    names: dict[str, str] = {}
    for network, endpoints in networks:
        for endpoint in endpoints:
            own = (endpoint.container_name, *endpoint.aliases, endpoint.container_id[:_SHORT_ID_DIGITS])
            for name in dict.fromkeys(name.lower() for name in own if name):
                for known in (name, f"{name}.{network.lower()}"):
                    addresses.setdefault(known, []).append(endpoint.address)
            names[endpoint.address] = f"{endpoint.container_name}.{network}"
    for alias, target in (links or {}).items():
        if target.lower() in addresses:
            addresses[alias.lower()] = addresses[target.lower()]
    return Zone({name: tuple(dict.fromkeys(found)) for name, found in addresses.items()}, names)


def answer(question: bytes, zone: Zone, turn: int) -> bytes | None:
    """Answer a DNS question about containers.

    Parameters
    ----------
    question : bytes
        A message as it came.
    zone : Zone
        What can be answered.
    turn : int
        Number of the question: several addresses are given in turn, so that clients spread.

    Returns
    -------
    bytes or None
        The answer; None when the question is about something else and must be forwarded. Names of containers have no
        IPv6 addresses, which is an answer too: NOERROR without records, else a client would wait or ask the world.

    Raises
    ------
    ValueError
        Not a question.
    """
    record = _parse(question)
    name = str(record.q.qname).rstrip(".").lower()
    kind = QTYPE.get(record.q.qtype)
    reply = record.reply(ra=1, aa=0)
    if kind == "PTR":
        address = _reverse_address(name)
        if address not in zone.names:
            return None
        reply.add_answer(RR(record.q.qname, QTYPE.PTR, rdata=PTR(zone.names[address]), ttl=_TIME_TO_LIVE_S))
        return bytes(reply.pack())
    found = zone.addresses.get(name)
    if found is None:
        return None
    if kind in ("A", "ANY"):
        for address in (*found[turn % len(found) :], *found[: turn % len(found)]):
            reply.add_answer(RR(record.q.qname, QTYPE.A, rdata=A(address), ttl=_TIME_TO_LIVE_S))
    return bytes(reply.pack())


def failure(question: bytes) -> bytes:
    """Say that no server answered: SERVFAIL.

    Raises
    ------
    ValueError
        Not a question.
    """
    reply = _parse(question).reply(ra=1, aa=0)
    reply.header.rcode = RCODE.SERVFAIL
    return bytes(reply.pack())


def fit_datagram(question: bytes, reply: bytes) -> bytes:
    """Cut an answer that is too long for a datagram: without records and marked, so that the client asks over TCP.

    Raises
    ------
    ValueError
        Not a question, or not an answer.
    """
    if len(reply) <= _PLAIN_LIMIT_BYTES:
        return reply
    announced = [min(extra.rclass, _EDNS_LIMIT_BYTES) for extra in _parse(question).ar if extra.rtype == QTYPE.OPT]
    if len(reply) <= max(announced, default=_PLAIN_LIMIT_BYTES):
        return reply
    try:
        return bytes(DNSRecord.parse(reply).truncate().pack())
    except DNSError as error:
        raise ValueError(f"not a DNS message: {error}") from error


def _parse(question: bytes) -> DNSRecord:
    try:
        record = DNSRecord.parse(question)
    except DNSError as error:
        raise ValueError(f"not a DNS message: {error}") from error
    if len(record.questions) != 1 or record.header.qr:
        raise ValueError("not one DNS question")
    return record


def _reverse_address(name: str) -> str:
    """``2.0.18.172.in-addr.arpa`` to ``172.18.0.2``; empty for what is no such name."""
    digits = name.removesuffix(".in-addr.arpa")
    try:
        return str(IPv4Address(".".join(reversed(digits.split("."))))) if digits != name else ""
    except ValueError:
        return ""
