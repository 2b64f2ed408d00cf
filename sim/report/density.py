"""Density drawn: host memory filling up as instances are added, and what ends it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from sim.errors import RecordError
from sim.record.document import Density, Records
from sim.report.callouts import Callout, callout_sheet, draw_callouts
from sim.report.picture import Picture
from sim.report.series import display_name, missing_sentence
from sim.report.sheet import FOOT_IN, MARGIN_IN
from sim.report.style import FAINT, INK, LINES, PAPER, PROJECTED_LINE, TEXT_PT, drawing, technology_colour
from sim.report.unitscale import BYTES

Point = tuple[float, float]


def draw_density(records: Records) -> Picture:
    """Draw host memory used against instances alive, up to how many fit.

    Both axes are logarithmic: the height between two curves is then the ratio of their costs. A curve bends where
    the first instance pays for what all share. Points of a ramp at or below zero have no place there and are left out.

    Parameters
    ----------
    records : Records
        Any; only its densities are drawn.

    Raises
    ------
    RecordError
        The records hold no density with an instance alive.
    """
    densities = [d for d in records.densities if d.limit > 0 and _ramp(d)]
    if not densities:
        raise RecordError("draw density: the records hold no density", "measure some with 'tare compare'")
    title = "Density: how many fit on this host"
    host_bytes = float(records.machine.memory_bytes)
    callouts = [_callout(records, d) for d in densities]
    with drawing():
        sheet, axes = callout_sheet(title, callouts)
        axes.set_xscale("log")
        axes.set_yscale("log")
        for density in densities:
            _draw_curve(axes, density, f"{_name(records, density)} ({density.provenance})")
        _frame(axes, [p for d in densities for p in (*_ramp(d), limit_point(d))], host_bytes)
        draw_callouts(sheet, axes, callouts)
        sheet.note("Label: how many fit, and the resource that ends it.", MARGIN_IN, FOOT_IN / 2)
        projected = any(d.projected for d in densities)
        sheet.provenance_key((d.provenance for d in densities), lines=True, projected=projected)
    words = "; ".join(f"{_name(records, d)} ({d.provenance}) {_count(d)}, ended by {d.ended_by}" for d in densities)
    alt = (
        "Host memory used against instances alive, both axes logarithmic. "
        f"The host has {BYTES.text(host_bytes)}. How many fit: {words}."
        f"{missing_sentence(records, (d.technology for d in densities), 'a density')}"
    )
    return Picture("density", title, sheet.figure, alt)


def limit_point(density: Density) -> Point:
    """Return instances and bytes at the limit.

    A limit within the ramp is read off the ramp; a limit beyond it continues the ramp with the least-squares slope of
    its points (for a single point, with its bytes per instance).
    """
    x, y = (np.array(values) for values in zip(*_ramp(density), strict=True))
    beyond = density.limit - x[-1]
    if beyond <= 0:
        return float(density.limit), float(np.interp(density.limit, x, y))
    slope_bytes = np.polyfit(x, y, 1)[0] if len(x) > 1 else y[-1] / x[-1]
    return float(density.limit), float(y[-1] + max(slope_bytes, 0.0) * beyond)


def between(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    """Return x and y of a curve through ascending points that is straight on linear axes.

    Every instance between two points is taken to cost the same. On logarithmic axes that is no straight line unless
    the ramp starts at zero, so that the curve needs more points than it was given.
    """
    x, y = (np.array(values) for values in zip(*points, strict=True))
    dense = np.unique(np.concatenate([x, np.geomspace(x[0], x[-1], 200)[1:-1]]))
    return dense.tolist(), np.interp(dense, x, y).tolist()


def _ramp(density: Density) -> list[Point]:
    points = dict(zip(density.running, density.used_bytes, strict=True))
    return [(float(n), float(used)) for n, used in sorted(points.items()) if n > 0 and used > 0]


def _name(records: Records, density: Density) -> str:
    return display_name(records, density.technology, density.driver)


def _count(density: Density) -> str:
    return f"{density.limit:,}{' (projected)' if density.projected else ''}"


def _callout(records: Records, density: Density) -> Callout:
    text = f"{_name(records, density)}, {density.provenance}\n{_count(density)}, ended by {density.ended_by}"
    return Callout(*limit_point(density), text, technology_colour(density.technology))


def _draw_curve(axes: Axes, density: Density, label: str) -> None:
    colour, ramp, end = technology_colour(density.technology), _ramp(density), limit_point(density)
    seen = [p for p in ramp if p[0] < end[0]]
    if density.projected and seen:
        x, y = between([seen[-1], end])
        axes.plot(x, y, color=colour, linestyle=PROJECTED_LINE, linewidth=3.2, label=f"{label}, projected")
    elif not density.projected:
        seen.append(end)
    if seen:
        x, y = between(seen)
        axes.plot(x, y, color=colour, linestyle=LINES[density.provenance], linewidth=3.2, label=label)
    axes.plot(*ramp[0], "o", color=colour, markersize=6)
    face = PAPER if density.projected else colour
    axes.plot(*end, "o", markersize=11, markerfacecolor=face, markeredgecolor=colour, markeredgewidth=2.5, zorder=5)


def _frame(axes: Axes, points: Sequence[Point], host_bytes: float) -> None:
    low_bytes = min(used for _, used in points) / 2
    high_bytes = max(host_bytes, *(used for _, used in points)) * 2
    most = max(n for n, _ in points) * 2
    axes.set_xlim(0.8, most)
    axes.set_ylim(low_bytes, high_bytes)
    counts = [10**k for k in range(8) if 10**k <= most]
    axes.set_xticks(counts, [f"{n:,}" for n in counts])
    ticks = BYTES.log_ticks(low_bytes, high_bytes)
    axes.set_yticks(ticks, [BYTES.tick_text(t) for t in ticks])
    axes.minorticks_off()
    axes.grid(color=FAINT, linewidth=0.8)
    axes.axhline(host_bytes, color=INK, linewidth=2.2, zorder=1)
    axes.text(0.88, host_bytes * 1.08, f"the host's memory: {BYTES.text(host_bytes)}", va="bottom", fontsize=TEXT_PT)
    axes.set_xlabel("instances alive", fontsize=TEXT_PT)
    axes.set_ylabel("host memory used", fontsize=TEXT_PT)
