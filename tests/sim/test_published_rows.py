from __future__ import annotations

import math
from pathlib import Path

import pytest

from sim.datafiles import data_path
from sim.errors import TechnologyError
from sim.spec.expression import evaluate, row_ids
from sim.spec.published import PublishedRow, load_rows, published_rows
from sim.units import MIB, Quantity, format_bytes, format_seconds, to_quantity


def row(name: str, value: float, unit: str, **quantiles: float) -> PublishedRow:
    return PublishedRow(name, value, unit, "box", "clock", "paper", **quantiles)


ROWS = {r.id: r for r in (row("P1", 30, "ms"), row("P2", 10, "ms"), row("P3", 2, "MiB RSS"), row("P4", 9, "GFlops"))}


def test_every_line_of_the_table_is_a_row() -> None:
    lines = data_path("published", "core.csv").read_text(encoding="utf-8").count("\nP")
    assert len(load_rows(data_path("published", "core.csv"))) == lines


def test_a_row_says_what_was_measured_and_by_whom() -> None:
    firecracker = published_rows()["P001"]
    assert (firecracker.value, firecracker.unit, firecracker.p10, firecracker.p90) == (160.9, "ms", 156.7, 167.8)
    assert "NSDI" in firecracker.source
    assert "InstanceStart" in firecracker.definition


def test_memory_by_guest_size_is_addressed_by_vmm_size_and_column() -> None:
    assert published_rows()["qemu_512_rss"].quantity == Quantity(200.2 * MIB, "memory")


def test_spread_comes_from_quantiles() -> None:
    # 80 % of a normal law lie within 1.28 standard deviations
    assert row("P", 100, "ms", p10=math.exp(-1), p90=math.exp(1)).spread() == pytest.approx(1 / 1.2816, rel=1e-4)
    assert row("P", 100, "ms", p90=100 * math.e).spread() == pytest.approx(1 / 1.2816, rel=1e-4)
    assert row("P", 100, "ms", sd=1.0).spread() == pytest.approx(0.01, rel=1e-3)
    assert row("P", 100, "ms").spread() is None


@pytest.mark.parametrize(
    ("value", "unit", "expected"),
    [
        (12, "ms", Quantity(0.012, "time")),
        (12, "CPU ms", Quantity(0.012, "time")),
        (1, "MB", Quantity(1e6, "memory")),
        (1, "MiB (274432 bytes)", Quantity(2.0**20, "memory")),
        (0.9, "fraction", Quantity(0.9, "number")),
        (0.9, "fraction of bare metal", Quantity(0.9, "fraction of bare metal")),
        (9, "GFlops", Quantity(9, "GFlops")),
    ],
)
def test_units_become_seconds_and_bytes(value: float, unit: str, expected: Quantity) -> None:
    assert to_quantity(value, unit) == expected


def test_numbers_are_written_in_the_unit_that_suits_them() -> None:
    assert [format_bytes(size) for size in (12, 2048, 3 * MIB, 2**31)] == ["12 B", "2.0 KiB", "3.0 MiB", "2.0 GiB"]
    assert [format_seconds(time) for time in (1.25, 0.0125, 65e-6)] == ["1.25 s", "12.5 ms", "65 us"]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("P1 - P2", Quantity(0.02, "time")),
        ("P1 / P2", Quantity(3, "number")),
        ("(P1 + P2) * 0.5", Quantity(0.02, "time")),
        ("2 * P3", Quantity(4 * MIB, "memory")),
        (" P3 ", Quantity(2 * MIB, "memory")),
    ],
)
def test_rows_can_be_calculated_with(expression: str, expected: Quantity) -> None:
    result = evaluate(expression, ROWS)
    assert result.dimension == expected.dimension
    assert result.value == pytest.approx(expected.value)


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("P1 + P3", "time \\+ memory mixes units"),
        ("P1 - 5", "time - number mixes units"),
        ("P3 + P4", "mixes units"),
        ("P1 * P2", "no unit"),
        ("1 / P1", "no unit"),
        ("P1 / 0", "division by zero"),
        ("P9", "no published row 'P9'"),
        ("P1 ** 2", "not arithmetic"),
        ("-P1", "not arithmetic"),
        ("__import__('os')", "not arithmetic"),
        ("True", "not arithmetic"),
        ("P1 -", "not an expression"),
        ("", "not an expression"),
    ],
)
def test_nonsense_is_refused_with_its_reason(expression: str, reason: str) -> None:
    with pytest.raises(TechnologyError, match=reason) as caught:
        evaluate(expression, ROWS)
    assert caught.value.hint


def test_row_ids_are_named_in_order_and_once() -> None:
    assert row_ids("(P3 - P1) / P3 + P2") == ("P3", "P1", "P2")


def test_a_file_that_is_no_table_of_figures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TechnologyError, match="No such file"):
        load_rows(tmp_path / "absent.csv")
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("id,value\nP001,fast\n")
    with pytest.raises(TechnologyError, match="wrong"):
        load_rows(wrong)
