"""Answers to DNS questions, without a socket."""

from __future__ import annotations

import contextlib
from dataclasses import replace

import pytest
from dnslib import DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from runtime.network.model import Endpoint
from runtime.network.names import Zone, answer, failure, fit_datagram, make_zone

WEB = Endpoint("e" * 64, "n" * 64, "c0ffee" * 10 + "beef", "Web", "172.18.0.2", "172.18.0.1", 16, "", aliases=("www",))
DB = replace(WEB, container_id="d" * 64, container_name="db", address="172.18.0.3", aliases=("www",))
ZONE = make_zone([("lab", [WEB, DB])], {"store": "db", "gone": "nobody"})


def ask(name: str, kind: str = "A", turn: int = 0) -> list[str] | None:
    reply = answer(DNSRecord.question(name, kind).pack(), ZONE, turn)
    return None if reply is None else [str(row.rdata) for row in DNSRecord.parse(reply).rr]


@pytest.mark.parametrize("name", ["web", "WEB", "web.lab", "c0ffeec0ffee", "c0ffeec0ffee.lab", "web."])
def test_a_container_is_found_by_every_name(name: str) -> None:
    assert ask(name) == ["172.18.0.2"]


def test_an_alias_of_several_gives_all_in_turn() -> None:
    assert ask("www", turn=0) == ["172.18.0.2", "172.18.0.3"]
    assert ask("www", turn=1) == ["172.18.0.3", "172.18.0.2"]


def test_a_link_is_a_name_of_ones_own() -> None:
    assert ask("store") == ["172.18.0.3"]
    assert ask("gone") is None


def test_an_address_gives_its_name() -> None:
    assert ask("2.0.18.172.in-addr.arpa", "PTR") == ["Web.lab."]
    assert ask("9.9.9.9.in-addr.arpa", "PTR") is None


def test_a_container_has_no_ipv6_address_and_that_is_an_answer() -> None:
    assert ask("web", "AAAA") == []


def test_what_is_not_a_container_is_for_others() -> None:
    assert ask("example.org") is None
    assert ask("web.other") is None


def test_an_answer_carries_the_questions_number() -> None:
    question = DNSRecord.question("web")
    for reply in (answer(question.pack(), ZONE, 0), failure(question.pack())):
        assert reply is not None
        assert DNSRecord.parse(reply).header.id == question.header.id
    assert DNSRecord.parse(failure(question.pack())).header.rcode == 2  # SERVFAIL


def test_an_answer_too_long_for_a_datagram_is_cut_and_marked() -> None:
    crowd = make_zone([("lab", [replace(DB, address=f"172.18.1.{last}") for last in range(100)])])
    question = DNSRecord.question("db").pack()
    whole = answer(question, crowd, 0)
    assert whole is not None
    assert len(whole) > 512
    cut = fit_datagram(question, whole)
    assert len(cut) <= 512
    assert DNSRecord.parse(cut).header.tc == 1
    assert fit_datagram(question, cut) == cut


QUESTION = DNSRecord.question("a").pack()


@given(st.one_of(st.binary(max_size=80), st.binary(max_size=60).map(lambda tail: QUESTION[:12] + tail)))
def test_any_bytes_are_answered_forwarded_or_refused(data: bytes) -> None:
    # a container chooses these bytes, and the daemon must outlive them
    for action in (lambda: answer(data, ZONE, 0), lambda: failure(data)):
        with contextlib.suppress(ValueError):
            action()


def test_an_answer_is_no_question() -> None:
    reply = answer(DNSRecord.question("web").pack(), ZONE, 0)
    assert reply is not None
    with pytest.raises(ValueError, match="not one DNS question"):
        answer(reply, Zone(), 0)
