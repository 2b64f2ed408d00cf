"""Wholes made of parts that differ a thousandfold: one strip to a common scale, one panel each to its own.

Startup stages and memory categories share this drawing. The strip on top is honest about proportion (a container is a
hair beside a VM); the panels below are legible about composition, and say in their heading what the whole comes to.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from sim.record.document import Provenance
from sim.report.sheet import FOOT_IN, MARGIN_IN, TITLE_IN, WIDTH_IN, Sheet
from sim.report.style import FAINT, HATCHES, HEADING_PT, INK, SMALL_PT, TEXT_PT, drawing
from sim.report.unitscale import UnitScale

ROW_IN = 0.29
STRIP_ROW_IN = 0.42
PANEL_HEAD_IN = 0.42
PANEL_TICKS_IN = 0.42
COLUMNS = 2


@dataclass(frozen=True, slots=True)
class Part:
    """One part: where its pieces lie on the whole's axis, each as (start, length) in the base unit."""

    name: str
    pieces: tuple[tuple[float, float], ...]
    colour: str

    @property
    def size(self) -> float:
        """Sum of the pieces."""
        return sum(length for _, length in self.pieces)


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole with its parts, in the order of drawing."""

    name: str
    provenance: Provenance
    total: float
    parts: tuple[Part, ...]

    @property
    def label(self) -> str:
        """The name with the provenance."""
        return f"{self.name} ({self.provenance})"


def draw_breakdown(title: str, note: str, scale: UnitScale, wholes: Sequence[Whole]) -> Sheet:
    """Draw wholes to one scale above, and each to its own scale below.

    Parameters
    ----------
    title, note : str
        Headline and footnote.
    scale : UnitScale
        How values are written.
    wholes : sequence of Whole
        At least one, each with a positive total.
    """
    rows = [wholes[i : i + COLUMNS] for i in range(0, len(wholes), COLUMNS)]
    heights_in = [max(len(w.parts) for w in row) * ROW_IN for row in rows]
    panels_in = sum(h + PANEL_HEAD_IN + PANEL_TICKS_IN for h in heights_in)
    strip_in = STRIP_ROW_IN * len(wholes)
    height_in = TITLE_IN + PANEL_HEAD_IN + strip_in + PANEL_TICKS_IN + panels_in + FOOT_IN
    with drawing():
        sheet = Sheet(title, height_in)
        top_in = height_in - TITLE_IN - PANEL_HEAD_IN
        _draw_strip(sheet, scale, wholes, top_in - strip_in, strip_in)
        top_in -= strip_in + PANEL_TICKS_IN
        for row, panel_in in zip(rows, heights_in, strict=True):
            top_in -= PANEL_HEAD_IN + panel_in
            for column, whole in enumerate(row):
                _draw_panel(sheet, scale, whole, column, top_in + panel_in, panel_in)
            top_in -= PANEL_TICKS_IN
        sheet.note(note, MARGIN_IN, FOOT_IN / 2)
        sheet.provenance_key((w.provenance for w in wholes), lines=False)
    return sheet


def _draw_strip(sheet: Sheet, scale: UnitScale, wholes: Sequence[Whole], bottom_in: float, height_in: float) -> None:
    labels_in = max(sheet.text_size_in(w.label, TEXT_PT)[0] for w in wholes) + 0.15
    left_in = MARGIN_IN + labels_in
    axes = sheet.axes(left_in, bottom_in, WIDTH_IN - MARGIN_IN - left_in, height_in)
    axes.set_title("all to one scale", loc="left", fontsize=HEADING_PT, fontweight="bold")
    largest = max(w.total for w in wholes)
    for row, whole in enumerate(wholes):
        for part in whole.parts:
            _draw_part(axes, part, row, whole.provenance, outline=whole.total > largest / 50)
        axes.text(
            whole.total + largest * 0.006,
            row,
            scale.text(whole.total),
            va="center",
            fontsize=TEXT_PT,
            fontweight="bold",
        )
    axes.set_yticks(range(len(wholes)), [w.label for w in wholes], fontsize=TEXT_PT)
    _finish(axes, scale, largest, len(wholes), room=1.1, intervals=8)


def _draw_panel(sheet: Sheet, scale: UnitScale, whole: Whole, column: int, top_in: float, row_height_in: float) -> None:
    labels_in = max(sheet.text_size_in(p.name, SMALL_PT)[0] for p in whole.parts) + 0.15
    width_in = (WIDTH_IN - 2 * MARGIN_IN) / COLUMNS
    left_in = MARGIN_IN + column * width_in + labels_in
    height_in = min(row_height_in, len(whole.parts) * ROW_IN)
    axes = sheet.axes(left_in, top_in - height_in, width_in - labels_in - 0.3, height_in)
    heading_in = MARGIN_IN + column * width_in
    sheet.note(f"{whole.label}: {scale.text(whole.total)}", heading_in, top_in + 0.18, HEADING_PT, "bold")
    for row, part in enumerate(whole.parts):
        _draw_part(axes, part, row, whole.provenance, outline=True)
        end = max(start + length for start, length in part.pieces)
        axes.text(end + whole.total * 0.012, row, scale.text(part.size), va="center", fontsize=SMALL_PT)
    axes.set_yticks(range(len(whole.parts)), [p.name for p in whole.parts])
    _finish(axes, scale, whole.total, len(whole.parts), room=1.22, intervals=5)


def _draw_part(axes: Axes, part: Part, row: int, provenance: Provenance, *, outline: bool) -> None:
    for start, length in part.pieces:
        axes.barh(
            row,
            length,
            left=start,
            height=0.72,
            color=part.colour,
            edgecolor=INK,
            linewidth=0.8 if outline else 0.0,
            hatch=HATCHES[provenance],
            label=f"{part.name} ({provenance})",
        )


def _finish(axes: Axes, scale: UnitScale, total: float, rows: int, *, room: float, intervals: int) -> None:
    ticks = scale.linear_ticks(total, intervals)
    axes.set_xticks([value for value, _ in ticks], [text for _, text in ticks])
    axes.set_xlim(0, total * room)
    axes.set_ylim(rows - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=FAINT, linewidth=0.8)
    axes.set_axisbelow(True)
