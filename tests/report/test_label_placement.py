"""Words and numbers on figures: units, and labels that keep apart."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.report.spread import spread
from sim.report.unitscale import BYTES, SECONDS, UnitScale


@pytest.mark.parametrize(
    ("scale", "value", "text"),
    [
        (SECONDS, 0.0030211, "3.02 ms"),
        (SECONDS, 4.5, "4.50 s"),
        (SECONDS, 0.0006, "600 µs"),
        (SECONDS, 0.9999, "1.00 s"),
        (SECONDS, 0.0, "0 ns"),
        (BYTES, 512, "512 B"),
        (BYTES, 1.1 * 1024**2, "1.10 MiB"),
        (BYTES, 1010 * 1024**2, "0.986 GiB"),
    ],
)
def test_three_digits_and_the_unit_that_suits(scale: UnitScale, value: float, text: str):
    assert scale.text(value) == text


@given(st.floats(1e-9, 9e5))
def test_a_written_duration_is_within_half_a_per_cent(value_s: float):
    number, unit = SECONDS.text(value_s).split()
    assert float(number) * {name: size for size, name in SECONDS.units}[unit] == pytest.approx(value_s, rel=0.0051)


@given(st.floats(1e-6, 1e5), st.integers(3, 9))
def test_ticks_are_few_and_stay_within(high_s: float, intervals: int):
    ticks = [value for value, _ in SECONDS.linear_ticks(high_s, intervals)]
    assert ticks[0] == 0
    assert 2 <= len(ticks) <= intervals + 2
    assert max(ticks) <= high_s * 1.0001


@given(st.floats(1, 1e13))
def test_a_scale_bar_is_at_most_what_was_asked_and_more_than_a_third(value_bytes: float):
    assert value_bytes * 0.33 < BYTES.round_below(value_bytes) <= value_bytes


def test_scale_bars_have_round_lengths():
    assert BYTES.tick_text(BYTES.round_below(63 * 1024**2)) == "50 MiB"


intervals = st.lists(st.tuples(st.floats(-50, 50), st.floats(0.1, 10)), min_size=1, max_size=9)


@given(intervals)
def test_labels_never_overlap_and_stay_within_bounds(wanted: list[tuple[float, float]]):
    centres = spread([c for c, _ in wanted], [s for _, s in wanted], -100, 100)
    edges = sorted((c - s / 2, c + s / 2) for c, (_, s) in zip(centres, wanted, strict=True))
    assert all(left[1] <= right[0] + 1e-9 for left, right in pairwise(edges))
    assert edges[0][0] >= -100 - 1e-9
    assert edges[-1][1] <= 100 + 1e-9


def test_labels_with_room_stay_where_they_are():
    assert spread([1.0, 9.0, 5.0], [2.0, 2.0, 2.0], 0.0, 10.0) == [1.0, 9.0, 5.0]


def test_crowded_labels_move_as_little_as_possible():
    assert spread([5.0, 5.0, 5.0], [2.0, 2.0, 2.0], 0.0, 10.0) == [3.0, 5.0, 7.0]


def test_a_label_at_the_edge_is_pushed_inside():
    assert spread([0.0], [4.0], 0.0, 10.0) == [2.0]
