"""The three files in a container's /etc."""

from __future__ import annotations

import pytest

from runtime.network.errors import AddressError
from runtime.network.hosts import (
    ResolverSettings,
    hostname_file,
    hosts_file,
    parse_extra_host,
    parse_resolver_settings,
    resolv_conf,
    resolver_settings,
)

HOST = parse_resolver_settings(
    "# from the network\nnameserver 127.0.0.53\nnameserver 192.0.2.53\nsearch old\nsearch lab.example\noptions edns0\n"
)


def test_what_a_resolv_conf_says() -> None:
    assert ResolverSettings(("127.0.0.53", "192.0.2.53"), ("lab.example",), ("edns0",)) == HOST


def test_on_the_default_network_loopback_servers_are_left_out() -> None:
    settings, upstream = resolver_settings(HOST, embedded=False)
    assert resolv_conf(settings) == "nameserver 192.0.2.53\nsearch lab.example\noptions edns0\n"
    assert upstream == ()


def test_a_host_with_loopback_servers_alone_gives_public_ones() -> None:
    settings, _ = resolver_settings(ResolverSettings(("127.0.0.53", "::1")), embedded=False)
    assert resolv_conf(settings) == "nameserver 8.8.8.8\nnameserver 8.8.4.4\n"


def test_on_other_networks_our_server_answers_and_asks_the_hosts() -> None:
    settings, upstream = resolver_settings(HOST, embedded=True)
    assert resolv_conf(settings) == "nameserver 127.0.0.11\nsearch lab.example\noptions edns0 ndots:0\n"
    assert upstream == ("127.0.0.53", "192.0.2.53")


def test_options_replace_what_the_host_has() -> None:
    chosen = {"servers": ["198.51.100.1"], "search": ["."], "options": ["ndots:2"]}
    settings, _ = resolver_settings(HOST, embedded=False, **chosen)
    assert resolv_conf(settings) == "nameserver 198.51.100.1\noptions ndots:2\n"
    settings, upstream = resolver_settings(HOST, embedded=True, **chosen)
    assert resolv_conf(settings) == "nameserver 127.0.0.11\noptions ndots:2\n"
    assert upstream == ("198.51.100.1",)


def test_a_server_must_be_an_address() -> None:
    with pytest.raises(AddressError, match=r"use DNS server 'dns\.example': not an IP address"):
        resolver_settings(HOST, servers=["dns.example"], embedded=False)


def test_hosts_ends_with_the_containers_own_name() -> None:
    written = hosts_file("box", "lab.example", ["172.17.0.2"], [parse_extra_host("db:192.0.2.7", "")])
    assert written.startswith("127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n")
    assert written.endswith("192.0.2.7\tdb\n172.17.0.2\tbox.lab.example box\n")
    assert hostname_file("box") == "box\n"


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("db:192.0.2.7", ("192.0.2.7", "db")),
        ("db=192.0.2.7", ("192.0.2.7", "db")),
        ("db:2001:db8::7", ("2001:db8::7", "db")),
        ("db:[2001:db8::7]", ("2001:db8::7", "db")),
        ("host.docker.internal:host-gateway", ("172.17.0.1", "host.docker.internal")),
    ],
)
def test_forms_of_add_host(text: str, row: tuple[str, str]) -> None:
    assert parse_extra_host(text, "172.17.0.1") == row


@pytest.mark.parametrize("text", ["db", "db:", ":192.0.2.7", "d b:192.0.2.7", "db:localhost", "a:1.2.3.4\nb:1.2.3.4"])
def test_what_is_no_host(text: str) -> None:
    with pytest.raises(AddressError, match="not of the form NAME:ADDRESS"):
        parse_extra_host(text, "")


def test_the_gateway_of_a_container_without_network_is_no_address() -> None:
    with pytest.raises(AddressError):
        parse_extra_host("host:host-gateway", "")
