"""Every form of -p, and the port maps of the API."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.network.errors import PortError
from runtime.network.ports import (
    Publication,
    bindings_from_map,
    bindings_to_map,
    expose_range,
    parse_exposed,
    parse_publish,
    port_summary,
    published_map,
)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("80", {"80/tcp": [("", "")]}),
        ("8080:80", {"80/tcp": [("", "8080")]}),
        ("8080:80/udp", {"80/udp": [("", "8080")]}),
        ("8080:80/TCP", {"80/tcp": [("", "8080")]}),
        ("127.0.0.1:8080:80", {"80/tcp": [("127.0.0.1", "8080")]}),
        ("127.0.0.1::80", {"80/tcp": [("127.0.0.1", "")]}),
        (":80", {"80/tcp": [("", "")]}),
        ("8000-8010:80", {"80/tcp": [("", "8000-8010")]}),
        ("8000-8001:80-81", {"80/tcp": [("", "8000")], "81/tcp": [("", "8001")]}),
        ("80-81", {"80/tcp": [("", "")], "81/tcp": [("", "")]}),
        ("1:1/sctp", {"1/sctp": [("", "1")]}),
    ],
)
def test_forms_of_publish(text: str, written: dict[str, list[tuple[str, str]]]) -> None:
    expected = {
        key: [{"HostIp": address, "HostPort": port} for address, port in places] for key, places in written.items()
    }
    assert bindings_to_map(parse_publish(text)) == expected
    assert bindings_from_map(expected) == parse_publish(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "not of the form"),
        ("a", "invalid port 'a'"),
        ("0", "invalid port '0'"),
        ("65536", "invalid port"),
        ("80:", "not of the form"),
        ("80/icmp", "invalid protocol 'icmp'"),
        ("80/", "invalid protocol ''"),
        ("9-8:80", "ends before it starts"),
        ("8000-8002:80-81", "ranges of different length"),
        ("localhost:80:80", "invalid address 'localhost'"),
        ("[::1]:80:80", "IPv6"),
        ("1:2:3:4", "not of the form"),
        ("²:80", "invalid port"),
    ],
)
def test_what_is_no_port(text: str, reason: str) -> None:
    with pytest.raises(PortError, match=reason) as caught:
        parse_publish(text)
    assert caught.value.hint


@given(st.text(alphabet="0123456789-:/.[]tcpud x", max_size=24))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(PortError):
        assert all(1 <= wish.container_port <= 65535 for wish in parse_publish(text))


def test_a_null_binding_means_any_port() -> None:
    for empty in (None, [], [{}], [{"HostIp": "", "HostPort": "0"}]):
        assert bindings_from_map({"80/tcp": empty}) == parse_publish("80")


def test_exposed_ports() -> None:
    assert parse_exposed("80") == (80, "tcp")
    assert expose_range("8000-8002/udp") == ["8000/udp", "8001/udp", "8002/udp"]
    with pytest.raises(PortError, match="a range where one port is meant"):
        parse_exposed("80-81/tcp")


def test_ports_as_inspect_and_ps_show_them() -> None:
    made = Publication("tcp", "127.0.0.1", 18080, "172.17.0.2", 80)
    assert published_map([made], ["80/tcp", "443/tcp"]) == {
        "80/tcp": [{"HostIp": "127.0.0.1", "HostPort": "18080"}],
        "443/tcp": None,
    }
    assert port_summary([made], ["80/tcp", "443/tcp"]) == [
        {"IP": "127.0.0.1", "PrivatePort": 80, "PublicPort": 18080, "Type": "tcp"},
        {"PrivatePort": 443, "Type": "tcp"},
    ]
    assert Publication.from_dict(made.to_dict()) == made
