"""The table: medians, intervals and ratios, each with its provenance."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest

from sim.record.document import Instance, Records
from sim.report.interval import median_interval
from sim.report.table import HEADINGS, comparison_rows, row_cells


def row_of(records: Records, technology: str):
    return next(row for row in comparison_rows(records) if row.technology == technology)


def test_one_row_a_technology_in_order(records: Records):
    rows = comparison_rows(records)
    assert [row.technology for row in rows] == ["process", "container", "microvm", "vm"]
    assert [row.provenance for row in rows] == ["measured", "measured", "simulated", "simulated"]


def test_median_lies_in_its_interval_and_below_p95(records: Records):
    for row in comparison_rows(records):
        assert row.startup_low_s <= row.startup_median_s <= row.startup_high_s < row.startup_p95_s
        assert row.startup_low_s < row.startup_high_s


def test_ratios_are_to_the_container(records: Records):
    vm, container = row_of(records, "vm"), row_of(records, "container")
    assert container.startup_ratio == container.memory_ratio == 1
    assert vm.startup_ratio == pytest.approx(vm.startup_median_s / container.startup_median_s)
    assert vm.memory_ratio == pytest.approx(vm.memory_bytes / container.memory_bytes)


def test_a_measured_container_is_the_baseline_even_when_a_simulated_one_comes_first(records: Records):
    slow = Instance("startup", "container", "simpy", "simulated", 0, 0.0, 9.0)
    rows = comparison_rows(replace(records, instances=(slow, *records.instances)))
    assert [row.startup_ratio for row in rows if row.provenance == "measured" and row.technology == "container"] == [1]


def test_the_same_records_give_the_same_table(records: Records):
    assert comparison_rows(records) == comparison_rows(records)
    other = row_of(replace(records, seed=8), "vm")
    assert other.startup_median_s == row_of(records, "vm").startup_median_s


def test_density_and_what_ends_it(records: Records):
    row = row_of(records, "process")
    assert (row.density_limit, row.ended_by, row.projected) == (5400, "pids", True)


def test_what_was_not_observed_stays_empty(records: Records):
    row = row_of(replace(records, instances=records.select("startup"), densities=()), "vm")
    assert (row.memory_bytes, row.density_limit, row.memory_ratio) == (None, None, None)
    assert row_cells(row).count("not observed") == 3


def test_without_a_container_there_is_no_ratio(records: Records):
    alone = replace(records, instances=tuple(i for i in records.instances if i.technology == "vm"), densities=())
    assert [row.startup_ratio for row in comparison_rows(alone)] == [None]


def test_cells_match_the_headings(records: Records):
    cells = dict(zip(HEADINGS, row_cells(row_of(records, "vm")), strict=True))
    assert cells["provenance"] == "simulated"
    assert cells["memory each"] == "181 MiB"
    assert cells["how many fit"] == "20, ended by memory"
    assert cells["startup ratio"] == "1,459"


@pytest.mark.parametrize("count", [5, 6, 40, 41])
def test_the_interval_agrees_with_plain_resampling(count: int):
    draw = random.Random(count)
    values = [draw.lognormvariate(0, 0.5) for _ in range(count)]
    plain = np.median(np.random.default_rng(1).choice(values, (40_000, count)), axis=1)
    assert median_interval(values, np.random.default_rng(3)) == pytest.approx(
        np.quantile(plain, (0.025, 0.975)), rel=0.03
    )


def test_the_interval_covers_the_true_median_as_often_as_it_says():
    generator = np.random.default_rng(4)
    ends = [median_interval(list(generator.exponential(1.0, 40)), generator) for _ in range(300)]
    covered = np.mean([low <= np.log(2) <= high for low, high in ends])
    assert 0.90 <= covered <= 0.99


def test_one_observation_is_its_own_interval():
    assert median_interval([2.5], np.random.default_rng(0)) == (2.5, 2.5)
