"""Memory bars stack up to the total; density ends where the records say."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from sim.errors import RecordError
from sim.record.document import Density, Records
from sim.report.density import between, draw_density, limit_point
from sim.report.memory import draw_memory
from sim.report.picture import Picture

MIB = 1024.0**2


@pytest.fixture(scope="module")
def memory(records: Records) -> Picture:
    return draw_memory(records)


@pytest.fixture(scope="module")
def density(records: Records) -> Picture:
    return draw_density(records)


def test_categories_stack_up_to_the_mean_memory(memory: Picture, records: Records):
    mine = [i for i in records.select("memory") if i.technology == "vm"]
    expected = np.mean([sum(i.memory_bytes.values()) for i in mine])
    bars = [bar for group in memory.figure.axes[4].containers for bar in group]
    assert sum(bar.get_width() for bar in bars) == pytest.approx(expected)
    for below, above in pairwise(bars):
        assert below.get_x() + below.get_width() == pytest.approx(above.get_x())


def test_every_value_is_written_beside_its_bar(memory: Picture):
    words = [t.get_text() for t in memory.figure.axes[2].texts]
    assert words == ["102 KiB", "154 KiB", "82.0 KiB", "317 KiB", "472 KiB"]


def test_memory_bars_carry_their_provenance(memory: Picture):
    assert all("(simulated)" in str(group.get_label()) for group in memory.figure.axes[4].containers)
    assert {bar.get_hatch() for group in memory.figure.axes[4].containers for bar in group} == {"//"}


def test_memory_in_words_holds_the_numbers(memory: Picture):
    assert "vm (simulated) 181 MiB: vmm 31.1 MiB" in memory.alt


def test_a_technology_without_memory_is_left_out_and_named(records: Records):
    kept = tuple(i for i in records.instances if not (i.technology == "vm" and i.experiment == "memory"))
    picture = draw_memory(replace(records, instances=kept))
    assert "Not shown, for lack of memory figures: vm." in picture.alt
    assert len(picture.figure.axes) == 4


def test_no_memory_is_an_error(records: Records):
    with pytest.raises(RecordError, match="draw memory"):
        draw_memory(replace(records, instances=records.select("startup")))


def test_the_limit_is_labelled_with_what_ends_it(density: Picture):
    labels = [t.get_text() for t in density.figure.axes[0].texts]
    assert "vm, simulated\n20, ended by memory" in labels
    assert "process, measured\n5,400 (projected), ended by pids" in labels


def test_the_host_memory_is_a_line(density: Picture):
    levels = [line.get_ydata() for line in density.figure.axes[0].lines]
    assert any(len(y) == 2 and set(np.asarray(y)) == {4.0 * 1024**3} for y in levels)


def test_projected_parts_have_a_line_of_their_own(density: Picture):
    lines = {str(line.get_label()): line for line in density.figure.axes[0].lines}
    measured, projected = lines["container (measured)"], lines["container (measured), projected"]
    assert measured.get_linestyle() == "-"
    assert projected.get_linestyle() == "--"
    assert np.asarray(measured.get_xdata())[-1] == np.asarray(projected.get_xdata())[0] == 500
    assert "vm (simulated), projected" not in lines
    assert "projected from the slope" in [t.get_text() for t in density.figure.legends[0].get_texts()]


def test_density_in_words_holds_the_numbers(density: Picture):
    assert (
        "container (measured) 3,391 (projected), ended by memory; microvm (simulated) 28, ended by memory"
        in density.alt
    )


def test_a_limit_beyond_the_ramp_continues_its_slope():
    base = 300 * MIB
    ramp = Density(
        "x", "d", "measured", (10, 20, 40), (base + 10 * MIB, base + 20 * MIB, base + 40 * MIB), 100, "memory", True
    )
    assert limit_point(ramp) == pytest.approx((100, base + 100 * MIB))


def test_a_single_point_is_continued_with_its_bytes_per_instance():
    assert limit_point(Density("x", "d", "measured", (10,), (50.0,), 20, "memory", True)) == (20, 100)


def test_a_limit_within_the_ramp_is_read_off_it():
    assert limit_point(Density("x", "d", "measured", (10, 20), (100.0, 200.0), 15, "pids", False)) == (15, 150)


def test_noise_below_zero_is_left_out(records: Records):
    noisy = replace(records.densities[1], running=(1, 10, 100), used_bytes=(-5.0, 10 * MIB, 100 * MIB))
    picture = draw_density(replace(records, densities=(noisy,)))
    curve = next(line for line in picture.figure.axes[0].lines if line.get_label() == "container (measured)")
    x = np.asarray(curve.get_xdata())
    assert (x[0], x[-1]) == (10, 100)


def test_between_two_points_every_instance_costs_the_same():
    x, y = between([(1.0, 50.0), (101.0, 150.0)])
    assert y == pytest.approx([49 + n for n in x])
    assert len(x) > 100


def test_a_limit_that_is_the_only_point_is_drawn(records: Records):
    single = Density("unikernel", "d", "recorded", (3,), (90 * MIB,), 3, "memory", False)
    assert "unikernel (recorded) 3, ended by memory" in draw_density(replace(records, densities=(single,))).alt


def test_no_density_is_an_error(records: Records):
    with pytest.raises(RecordError, match="draw density"):
        draw_density(replace(records, densities=()))
