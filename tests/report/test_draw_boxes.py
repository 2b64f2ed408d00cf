"""The box diagram says with heights what the records say in bytes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from matplotlib.patches import Rectangle

from sim.errors import RecordError
from sim.record.document import Instance, Records
from sim.report.boxes import draw_boxes, magnification
from sim.report.memory import mean_memory_bytes, memory_series
from sim.report.picture import Picture


@pytest.fixture(scope="module")
def picture(records: Records) -> Picture:
    return draw_boxes(records)


def boxes(picture: Picture, panel: int, technology: str) -> list[Rectangle]:
    patches = picture.figure.axes[panel].patches
    return [p for p in patches if isinstance(p, Rectangle) and str(p.get_label()).startswith(f"{technology}/")]


def height_in(picture: Picture, panel: int, box: Rectangle) -> float:
    axes = picture.figure.axes[panel]
    low, high = axes.transData.transform([(0, 0), (0, box.get_height())])[:, 1]
    return float(high - low) / picture.figure.dpi


def expected_bytes(records: Records, technology: str) -> dict[str, float]:
    return next(mean_memory_bytes(s) for s in memory_series(records) if s.technology == technology)


@pytest.mark.parametrize("technology", ["vm", "container"])
def test_every_layer_is_as_high_as_its_bytes(picture: Picture, records: Records, technology: str):
    expected = expected_bytes(records, technology)
    drawn = {str(b.get_label()).split("/")[1].split(" (")[0]: b.get_height() for b in boxes(picture, 0, technology)}
    assert drawn == pytest.approx(expected)


def test_both_sides_share_one_scale(picture: Picture, records: Records):
    vm, container = (sum(expected_bytes(records, name).values()) for name in ("vm", "container"))
    vm_in = sum(height_in(picture, 0, b) for b in boxes(picture, 0, "vm")) / 2
    columns = {round(b.get_x(), 6) for b in boxes(picture, 0, "container")}
    left = [b for b in boxes(picture, 0, "container") if b.get_x() == pytest.approx(min(columns))]
    assert sum(height_in(picture, 0, b) for b in left) / vm_in == pytest.approx(container / vm)


def test_the_inset_is_magnified_exactly_as_written(picture: Picture):
    for true, enlarged in zip(boxes(picture, 0, "container"), boxes(picture, 1, "container"), strict=True):
        assert height_in(picture, 1, enlarged) / height_in(picture, 0, true) == pytest.approx(100)
    assert "enlarged 100 times" in [t.get_text() for t in picture.figure.axes[1].texts]


def test_layers_lie_on_one_another_without_gap(picture: Picture):
    left = sorted((b.get_y(), b.get_height()) for b in boxes(picture, 0, "vm"))[::2]
    for (below, height), (above, _) in pairwise(left):
        assert below + height == pytest.approx(above)


def test_containers_share_libraries_and_machines_do_not(picture: Picture):
    def count(technology: str) -> int:
        return sum("shared libraries" in str(b.get_label()) for b in boxes(picture, 0, technology))

    assert (count("container"), count("vm")) == (1, 2)


def test_boxes_tell_measured_from_simulated(picture: Picture):
    assert {b.get_hatch() for b in boxes(picture, 0, "vm")} == {"//"}
    assert not any(b.get_hatch() for b in boxes(picture, 0, "container"))


def test_every_layer_is_named_with_its_value(picture: Picture):
    words = " ".join(t.get_text().replace("\n", " ") for axes in picture.figure.axes for t in axes.texts)
    for name in ("application 616 KiB", "guest kernel 42.2 MiB", "hypervisor 31.1 MiB", "engine 102 KiB"):
        assert name in words.replace("  ", " ")


def test_no_label_leaves_the_sheet_or_covers_another(picture: Picture):
    texts = [t for axes in picture.figure.axes for t in axes.texts]
    frames = [t.get_window_extent() for t in texts]
    sheet = picture.figure.bbox
    assert all(f.x0 >= 0 and f.x1 <= sheet.x1 and f.y0 >= 0 and f.y1 <= sheet.y1 for f in frames)
    for i, one in enumerate(frames):
        for other in frames[i + 1 :]:
            assert not one.overlaps(other)


def test_the_alternative_text_holds_the_totals(picture: Picture):
    assert "vm (simulated) 181 MiB" in picture.alt
    assert "container (measured) 1.10 MiB" in picture.alt
    assert "enlarged 100 times" in picture.alt


def test_one_side_alone_is_drawn_and_the_lack_is_said(records: Records):
    alone = replace(records, instances=tuple(i for i in records.instances if i.technology == "container"))
    picture = draw_boxes(alone)
    assert len(picture.figure.axes) == 1
    assert "other side is not shown" in picture.alt


def test_a_micro_machine_stands_in_for_a_missing_machine(records: Records):
    picture = draw_boxes(replace(records, instances=tuple(i for i in records.instances if i.technology != "vm")))
    assert boxes(picture, 0, "microvm")


def test_the_higher_stack_stands_left_whatever_it_is(records: Records):
    picture = draw_boxes(scaled(records, "container", 4000))
    assert boxes(picture, 0, "container")[0].get_x() < boxes(picture, 0, "vm")[0].get_x()


def scaled(records: Records, technology: str, factor: float) -> Records:
    """Records in which one technology weighs a multiple."""

    def heavier(instance: Instance) -> Instance:
        heavy = {name: size * factor for name, size in instance.memory_bytes.items()}
        return replace(instance, memory_bytes=heavy) if instance.technology == technology else instance

    return replace(records, instances=tuple(heavier(i) for i in records.instances))


@pytest.mark.parametrize("factor", [0.1, 1, 10, 50, 90, 140])
def test_labels_stay_apart_at_any_proportion(records: Records, factor: float):
    test_no_label_leaves_the_sheet_or_covers_another(draw_boxes(scaled(records, "container", factor)))


def test_a_long_driver_name_covers_nothing(records: Records):
    other = [
        replace(i, driver="docker 27.1 with runc") for i in records.select("memory") if i.technology == "container"
    ]
    test_no_label_leaves_the_sheet_or_covers_another(draw_boxes(records.extended(other)))


def test_nothing_to_draw_is_an_error_with_a_hint(records: Records):
    with pytest.raises(RecordError, match="draw the box diagram") as caught:
        draw_boxes(replace(records, instances=()))
    assert "tare compare" in caught.value.hint


@pytest.mark.parametrize(("high", "low", "factor"), [(180, 1.1, 100), (10, 10, 1), (10, 6, 1), (41, 2, 20)])
def test_magnification_is_the_largest_round_factor_that_fits(high: float, low: float, factor: int):
    assert magnification(high, low) == factor
