"""Curves with their labels above the axes, each tied to its point, never over one another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes

from sim.report.sheet import FOOT_IN, MARGIN_IN, TITLE_IN, WIDTH_IN, Sheet
from sim.report.spread import spread
from sim.report.style import GREY, PAPER, SMALL_PT

PLOT_IN = 4.8
LEFT_IN = 1.25
BELOW_IN = 0.72
RISE_IN = 0.28
GAP_IN = 0.25


@dataclass(frozen=True, slots=True)
class Callout:
    """A text for a point; coordinates in the axes' data."""

    x: float
    y: float
    text: str
    colour: str


def callout_sheet(title: str, callouts: Sequence[Callout]) -> tuple[Sheet, Axes]:
    """Make a sheet with axes across its width and enough room above them for all labels."""
    width_in = WIDTH_IN - LEFT_IN - 2 * MARGIN_IN
    ruler = Sheet(title, 1.0)
    band_in = RISE_IN + _rows(ruler, callouts, width_in) * _row_in(ruler, callouts)
    sheet = Sheet(title, TITLE_IN + band_in + PLOT_IN + BELOW_IN + FOOT_IN)
    return sheet, sheet.axes(LEFT_IN, FOOT_IN + BELOW_IN, width_in, PLOT_IN)


def draw_callouts(sheet: Sheet, axes: Axes, callouts: Sequence[Callout]) -> None:
    """Draw labels above axes made by `callout_sheet`, whose limits are already set, with a leader to each point."""
    extent = axes.get_window_extent()
    width_in, height_in = extent.width / sheet.figure.dpi, extent.height / sheet.figure.dpi
    to_axes = axes.transData + axes.transAxes.inverted()
    points = [(float(x), float(y)) for x, y in (to_axes.transform((c.x, c.y)) for c in callouts)]
    rows = _rows(sheet, callouts, width_in)
    by_x = sorted(range(len(callouts)), key=lambda i: points[i])
    for row in range(rows):
        members = by_x[row::rows]
        sizes_in = [_width_in(sheet, callouts[i]) for i in members]
        centres_in = spread([points[i][0] * width_in for i in members], sizes_in, 0.0, width_in)
        bottom = 1 + (RISE_IN + row * _row_in(sheet, callouts)) / height_in
        for i, centre_in in zip(members, centres_in, strict=True):
            _draw_one(axes, callouts[i], points[i], (centre_in / width_in, bottom))


def _draw_one(axes: Axes, callout: Callout, point: tuple[float, float], foot: tuple[float, float]) -> None:
    """Draw a label whose lower edge is at `foot` and the leader down to `point`; both in axes fractions."""
    leader = [foot, (point[0], 1.0), point]
    axes.plot(
        *zip(*leader, strict=True), transform=axes.transAxes, clip_on=False, color=GREY, linewidth=1.3, zorder=1.5
    )
    axes.text(
        *foot,
        callout.text,
        transform=axes.transAxes,
        ha="center",
        va="bottom",
        fontsize=SMALL_PT,
        bbox={"facecolor": PAPER, "edgecolor": callout.colour, "linewidth": 2.2, "boxstyle": "round,pad=0.25"},
    )


def _width_in(sheet: Sheet, callout: Callout) -> float:
    return sheet.text_size_in(callout.text, SMALL_PT)[0] + GAP_IN


def _row_in(sheet: Sheet, callouts: Sequence[Callout]) -> float:
    return max(sheet.text_size_in(c.text, SMALL_PT)[1] for c in callouts) + 0.2


def _rows(sheet: Sheet, callouts: Sequence[Callout], width_in: float) -> int:
    return max(1, math.ceil(sum(_width_in(sheet, c) for c in callouts) / width_in))
