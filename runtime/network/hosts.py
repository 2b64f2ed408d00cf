"""The files by which a container's C library finds names: /etc/hosts, /etc/resolv.conf, /etc/hostname; pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runtime.network.errors import AddressError

EMBEDDED_SERVER = "127.0.0.11"
_PUBLIC_SERVERS = ("8.8.8.8", "8.8.4.4")  # what Docker falls back to
_LOCAL_HOSTS = (
    ("127.0.0.1", "localhost"),
    ("::1", "localhost ip6-localhost ip6-loopback"),
    ("fe00::0", "ip6-localnet"),
    ("ff00::0", "ip6-mcastprefix"),
    ("ff02::1", "ip6-allnodes"),
    ("ff02::2", "ip6-allrouters"),
)


@dataclass(frozen=True, slots=True)
class ResolverSettings:
    """What resolv.conf(5) says: servers, domains to try, options."""

    servers: tuple[str, ...] = ()
    search: tuple[str, ...] = ()
    options: tuple[str, ...] = ()


def parse_resolver_settings(text: str) -> ResolverSettings:
    """Read a resolv.conf(5); of several search lines the last counts, unknown lines are passed over."""
    servers: list[str] = []
    search: list[str] = []
    options: list[str] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0].startswith(("#", ";")):
            continue
        if words[0] == "nameserver":
            servers.append(words[1])
        elif words[0] in ("search", "domain"):
            search = words[1:]
        elif words[0] == "options":
            options += words[1:]
    return ResolverSettings(tuple(servers), tuple(search), tuple(options))


def resolver_settings(
    host: ResolverSettings,
    *,
    servers: Sequence[str] = (),
    search: Sequence[str] = (),
    options: Sequence[str] = (),
    embedded: bool,
) -> tuple[ResolverSettings, tuple[str, ...]]:
    """Merge a container's options into the host's settings.

    Parameters
    ----------
    host : ResolverSettings
        Of the host.
    servers, search, options : sequence of str
        ``--dns``, ``--dns-search`` (``.`` for none), ``--dns-option``; each replaces the host's when given.
    embedded : bool
        Whether the container is on a user-defined network, where our server at 127.0.0.11 answers.

    Returns
    -------
    tuple of ResolverSettings and tuple of str
        The container's settings, and the servers that ours forwards to (empty when not embedded).

    Raises
    ------
    AddressError
        A server that is no IP address.
    """
    for server in servers:
        if _is_loopback(server) is None:
            raise AddressError("use DNS server", server, "not an IP address", "for example --dns 192.0.2.53")
    domains = () if list(search) == ["."] else tuple(search) or host.search
    chosen = tuple(options) or host.options
    if embedded:
        ndots = () if any(option.startswith("ndots:") for option in chosen) else ("ndots:0",)
        # ours asks from the host, where loopback servers, such as systemd-resolved's, can be reached
        upstream = tuple(servers) or host.servers or _PUBLIC_SERVERS
        return ResolverSettings((EMBEDDED_SERVER,), domains, (*chosen, *ndots)), upstream
    reachable = tuple(server for server in host.servers if _is_loopback(server) is False)
    return ResolverSettings(tuple(servers) or reachable or _PUBLIC_SERVERS, domains, chosen), ()


def resolv_conf(settings: ResolverSettings) -> str:
    """Write /etc/resolv.conf."""
    lines = [f"nameserver {server}" for server in settings.servers]
    if settings.search:
        lines.append("search " + " ".join(settings.search))
    if settings.options:
        lines.append("options " + " ".join(settings.options))
    return "\n".join(lines) + "\n"


def parse_extra_host(text: str, gateway: str) -> tuple[str, str]:
    """Read an ``--add-host`` option, ``NAME:ADDRESS`` or ``NAME=ADDRESS``.

    Parameters
    ----------
    text : str
        The option; the address ``host-gateway`` means the host.
    gateway : str
        Address of the host as containers see it; empty when there is none.

    Returns
    -------
    tuple of str
        Address and name, a line of /etc/hosts.

    Raises
    ------
    AddressError
        Not of that form, or no IP address.
    """
    cut = min((text.index(mark) for mark in "=:" if mark in text), default=len(text))
    name, address = text[:cut], text[cut + 1 :].strip("[]")
    if address == "host-gateway":
        address = gateway
    if not name or any(character.isspace() for character in name) or _is_loopback(address) is None:
        raise AddressError("add host", text, "not of the form NAME:ADDRESS", "for example --add-host db:192.0.2.7")
    return address, name


def hosts_file(hostname: str, domain: str, addresses: Iterable[str], extra: Iterable[tuple[str, str]]) -> str:
    """Write /etc/hosts.

    Parameters
    ----------
    hostname, domain : str
        Of the container; the domain may be empty.
    addresses : iterable of str
        The container's own; none for --network none.
    extra : iterable of tuple of str
        Address and names of further hosts: --add-host, --link.
    """
    own = f"{hostname}.{domain} {hostname}" if domain else hostname
    rows = [*_LOCAL_HOSTS, *extra, *((address, own) for address in addresses)]
    return "".join(f"{address}\t{names}\n" for address, names in rows)


def hostname_file(hostname: str) -> str:
    """Write /etc/hostname."""
    return f"{hostname}\n"


def _is_loopback(text: str) -> bool | None:
    """Whether an IP address, also one with a zone, is a loopback one; None for what is no address."""
    try:
        return ipaddress.ip_address(text).is_loopback
    except ValueError:
        return None
