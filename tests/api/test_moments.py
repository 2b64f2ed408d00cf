"""Moments in filters: absolute, or how long ago."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.api.moments import parse_moment_ns
from runtime.errors import BadParameter

S = 10**9
NOW = 1_700_000_000 * S


@pytest.mark.parametrize(
    ("text", "moment_ns"),
    [
        ("0", 0),
        ("1700000000.25", 1_700_000_000 * S + S // 4),
        ("24h", NOW - 86_400 * S),
        ("1h30m", NOW - 5_400 * S),
        ("1.5s", NOW - 3 * S // 2),
        ("2023-11-14T22:13:20Z", NOW),
        ("2023-11-14T23:13:20+01:00", NOW),
        ("2023-11-14T22:13:20", NOW),
        ("2023-11-14", NOW - (22 * 3600 + 13 * 60 + 20) * S),
    ],
)
def test_a_moment(text: str, moment_ns: int) -> None:
    assert parse_moment_ns(text, NOW) == moment_ns


@pytest.mark.parametrize("text", ["", "yesterday", "5", "-3h", "3", "1h 30m"])
def test_what_is_short_is_seconds_and_what_is_neither_is_refused(text: str) -> None:
    if text.isdigit():
        assert parse_moment_ns(text, NOW) == int(text) * S
    else:
        with pytest.raises(BadParameter):
            parse_moment_ns(text, NOW)


@given(st.text())
def test_any_text_is_a_moment_or_refused(text: str) -> None:
    try:
        parse_moment_ns(text, NOW)
    except BadParameter as error:
        assert error.hint  # noqa: PT017
