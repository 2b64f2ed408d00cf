"""Startup figures: curves that reach 1, and stages that add up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.lines import Line2D

from sim.errors import RecordError
from sim.record.document import Instance, Records, Stage
from sim.report.picture import Picture
from sim.report.startup import draw_startup_ecdf, draw_startup_stages, typical_launches


def curve(picture: Picture, label: str) -> Line2D:
    return next(line for line in picture.figure.axes[0].lines if line.get_label() == label)


@pytest.fixture(scope="module")
def ecdf(records: Records) -> Picture:
    return draw_startup_ecdf(records)


@pytest.fixture(scope="module")
def stages(records: Records) -> Picture:
    return draw_startup_stages(records)


def test_each_curve_rises_from_zero_to_one(ecdf: Picture):
    for label in ("process (measured)", "container (measured)", "microvm (simulated)", "vm (simulated)"):
        y = np.asarray(curve(ecdf, label).get_ydata())
        assert (y[0], y[-1]) == (0, 1)
        assert (np.diff(y) > 0).all()


def test_a_curve_is_one_step_a_launch(ecdf: Picture, records: Records):
    durations = sorted(i.duration_s for i in records.select("startup") if i.technology == "container")
    assert list(np.asarray(curve(ecdf, "container (measured)").get_xdata())[1:]) == durations


def test_line_style_tells_measured_from_simulated(ecdf: Picture):
    assert curve(ecdf, "container (measured)").get_linestyle() == "-"
    assert curve(ecdf, "vm (simulated)").get_linestyle() == "--"
    key = [t.get_text() for t in ecdf.figure.legends[0].get_texts()]
    assert key == ["measured", "simulated"]


def test_medians_are_written_on_the_figure_and_in_the_alternative_text(ecdf: Picture, records: Records):
    median_ms = 1000 * np.median([i.duration_s for i in records.select("startup") if i.technology == "container"])
    labels = [t.get_text() for t in ecdf.figure.axes[0].texts]
    assert f"container\n{median_ms:.2f} ms, measured" in labels
    assert f"container (measured) {median_ms:.2f} ms, 40 launches" in ecdf.alt


def test_labels_do_not_cover_one_another(ecdf: Picture):
    frames = [t.get_window_extent() for t in ecdf.figure.axes[0].texts]
    assert not any(a.overlaps(b) for i, a in enumerate(frames) for b in frames[i + 1 :])


def test_a_measured_and_a_simulated_container_are_two_curves(records: Records):
    twin = [
        replace(i, provenance="simulated", driver="simpy")
        for i in records.select("startup")
        if i.technology == "container"
    ]
    picture = draw_startup_ecdf(records.extended(twin))
    assert (
        curve(picture, "container (measured)").get_linestyle()
        != curve(picture, "container (simulated)").get_linestyle()
    )


def test_two_drivers_of_one_technology_are_told_apart_by_name(records: Records):
    other = [replace(i, driver="runc") for i in records.select("startup") if i.technology == "container"]
    picture = draw_startup_ecdf(records.extended(other))
    assert curve(picture, "container, runc (measured)")
    assert curve(picture, "container, tare (zygote) (measured)")


def test_an_instant_launch_has_a_place_on_the_logarithmic_axis(records: Records):
    instant = Instance("startup", "instant", "simpy", "simulated", 0, 0.0, 0.0)
    picture = draw_startup_ecdf(records.extended([instant]))
    assert min(np.asarray(curve(picture, "instant (simulated)").get_xdata())) == 1e-6


def panel(picture: Picture, number: int):
    """Bars of a panel; panel 0 is the strip to one scale."""
    return [bar for group in picture.figure.axes[number].containers for bar in group]


def test_stages_add_up_to_the_total(stages: Picture, records: Records):
    for number, technology in enumerate(("process", "container", "microvm", "vm"), start=1):
        mine = [i for i in records.select("startup") if i.technology == technology]
        total_s = np.mean([i.duration_s for i in typical_launches(mine)])
        assert sum(bar.get_width() for bar in panel(stages, number)) == pytest.approx(total_s)
        assert max(bar.get_x() + bar.get_width() for bar in panel(stages, number)) == pytest.approx(total_s)


def test_a_typical_launch_lasts_about_the_median(records: Records):
    mine = [i for i in records.select("startup") if i.technology == "vm"]
    typical = typical_launches(mine)
    assert len(typical) == 8
    assert np.mean([i.duration_s for i in typical]) == pytest.approx(np.median([i.duration_s for i in mine]), rel=0.02)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 41])
def test_the_middle_fifth_is_never_empty_and_lies_in_the_middle(count: int):
    launches = [
        Instance("startup", "x", "d", "measured", n, 0.0, n + 1.0, (Stage("s", 0, n + 1.0),)) for n in range(count)
    ]
    kept = typical_launches(launches)
    assert np.mean([i.duration_s for i in kept]) == pytest.approx((count + 1) / 2)


def test_the_strip_draws_all_to_one_scale(stages: Picture):
    widths = {row: sum(b.get_width() for b in panel(stages, 0) if round(b.get_y() + 0.36) == row) for row in range(4)}
    assert widths[3] / widths[1] == pytest.approx(4.47 / 0.00306, rel=0.01)


def test_every_bar_carries_its_provenance(stages: Picture):
    for group in stages.figure.axes[4].containers:
        assert "(simulated)" in str(group.get_label())
        assert {bar.get_hatch() for bar in group} == {"//"}
    assert all("(measured)" in str(group.get_label()) for group in stages.figure.axes[2].containers)


def test_many_stages_are_gathered_without_losing_time(records: Records):
    pieces = tuple(Stage(f"step {n}", n * 0.01, 0.01) for n in range(30))
    launch = Instance("startup", "container", "d", "measured", 0, 0.0, 0.3, pieces)
    picture = draw_startup_stages(replace(records, instances=(launch,), densities=()))
    names = [t.get_text() for t in picture.figure.axes[1].get_yticklabels()]
    assert len(names) == 7
    assert names[-1] == "24 shorter stages"
    assert sum(bar.get_width() for bar in panel(picture, 1)) == pytest.approx(0.3)


def test_time_outside_any_stage_shows_as_a_gap(records: Records):
    launch = Instance("startup", "vm", "d", "measured", 0, 0.0, 3.0, (Stage("a", 0.0, 1.0), Stage("b", 2.0, 1.0)))
    picture = draw_startup_stages(replace(records, instances=(launch,), densities=()))
    assert [(b.get_x(), b.get_width()) for b in panel(picture, 1)] == [(0, 1), (2, 1)]


def test_a_stage_that_occurs_twice_is_drawn_twice(records: Records):
    twice = (Stage("mount", 0.0, 1.0), Stage("mount", 1.0, 2.0))
    launch = Instance("startup", "vm", "d", "measured", 0, 0.0, 3.0, twice)
    picture = draw_startup_stages(replace(records, instances=(launch,), densities=()))
    assert [b.get_width() for b in panel(picture, 1)] == [1, 2]


def test_a_technology_without_stages_is_named_in_the_alternative_text(records: Records):
    bare = Instance("startup", "unikernel", "d", "recorded", 0, 0.0, 0.01)
    assert "lack of stages: unikernel." in draw_startup_stages(records.extended([bare])).alt


@pytest.mark.parametrize("draw", [draw_startup_ecdf, draw_startup_stages])
def test_no_launch_is_an_error_with_a_hint(draw, records: Records):
    with pytest.raises(RecordError, match="draw startup") as caught:
        draw(replace(records, instances=()))
    assert caught.value.hint
