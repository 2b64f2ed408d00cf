"""Startup time drawn: the whole distribution, and what a typical launch is made of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from sim.errors import RecordError
from sim.record.document import Instance, Records
from sim.report.breakdown import Part, Whole, draw_breakdown
from sim.report.callouts import Callout, callout_sheet, draw_callouts
from sim.report.picture import Picture
from sim.report.series import Series, missing_sentence, series_of, shortened
from sim.report.sheet import FOOT_IN, MARGIN_IN
from sim.report.style import FAINT, GREY, LINES, TEXT_PT, drawing, technology_colour
from sim.report.unitscale import SECONDS

FLOOR_S = 1e-6
"""A logarithmic axis has no zero: shorter durations are drawn here."""

STAGE_ROWS = 7
"""Most rows in a panel of stages; further stages, the shortest, share the last row."""


def draw_startup_ecdf(records: Records) -> Picture:
    """Draw the share of launches that are ready within a given time, one curve a series, logarithmic time.

    Parameters
    ----------
    records : Records
        Any; only instances of the experiment "startup" are drawn.

    Raises
    ------
    RecordError
        No startup was observed.
    """
    series = _startup_series(records)
    title = "Startup time: how many launches are ready after a given time"
    callouts = [
        Callout(max(median_s(s), FLOOR_S), 0.5, _median_words(s), technology_colour(s.technology)) for s in series
    ]
    with drawing():
        sheet, axes = callout_sheet(title, callouts)
        axes.set_xscale("log")
        for s in series:
            _draw_curve(axes, s)
        _frame(axes, [max(i.duration_s, FLOOR_S) for s in series for i in s.instances])
        draw_callouts(sheet, axes, callouts)
        sheet.note("Label and dot: median of all launches.", MARGIN_IN, FOOT_IN / 2)
        sheet.provenance_key((s.provenance for s in series), lines=True)
    words = "; ".join(f"{s.label} {SECONDS.text(median_s(s))}, {len(s.instances)} launches" for s in series)
    alt = (
        f"Cumulative share of launches ready over time, logarithmic axis. Medians: {words}."
        f"{missing_sentence(records, (s.technology for s in series), 'launches')}"
    )
    return Picture("startup-ecdf", title, sheet.figure, alt)


def draw_startup_stages(records: Records) -> Picture:
    """Draw what a typical launch of each series is made of, as a waterfall.

    Parameters
    ----------
    records : Records
        Any; only instances of the experiment "startup" with stages are drawn.

    Raises
    ------
    RecordError
        No startup with stages was observed.

    Notes
    -----
    The median of a sum is not the sum of medians, so medians stage by stage would not add up. A typical launch is
    instead the average of the middle fifth of launches by total duration (at least one): averages do add up, and one
    slow launch has no say. Stages are drawn where they took place, so that time outside any stage shows as a gap.
    """
    staged = [
        (s, typical_launches(s.instances)) for s in _startup_series(records) if any(i.stages for i in s.instances)
    ]
    wholes, technologies = [], []
    for s, launches in staged:
        total_s = float(np.mean([i.duration_s for i in launches]))
        if total_s > 0:
            wholes.append(Whole(s.name, s.provenance, total_s, _stage_parts(launches, technology_colour(s.technology))))
            technologies.append(s.technology)
    if not wholes:
        raise RecordError("draw startup stages: no launch in the records has stages", "measure with 'tare compare'")
    title = "Where the startup time goes"
    note = "Typical launch: average of the middle fifth of launches by duration."
    sheet = draw_breakdown(title, note, SECONDS, wholes)
    words = "; ".join(f"{w.label} {SECONDS.text(w.total)}, most of it {_largest_words(w)}" for w in wholes)
    alt = (
        f"Bars of the stages of a typical launch, to one scale and each to its own. {words}."
        f"{missing_sentence(records, technologies, 'stages')}"
    )
    return Picture("startup-stages", title, sheet.figure, alt)


def median_s(series: Series) -> float:
    """Return the median duration of a series' instances, seconds."""
    return float(np.median([i.duration_s for i in series.instances]))


def typical_launches(instances: Sequence[Instance]) -> tuple[Instance, ...]:
    """Return the middle fifth by duration, at least one and symmetric about the median."""
    staged = sorted((i for i in instances if i.stages), key=lambda i: i.duration_s)
    aside = min(round(len(staged) * 0.4), (len(staged) - 1) // 2)
    return tuple(staged[aside : len(staged) - aside])


def _startup_series(records: Records) -> tuple[Series, ...]:
    series = series_of(records, records.select("startup"))
    if not series:
        raise RecordError("draw startup: the records hold no launch", "measure some with 'tare compare'")
    return series


def _draw_curve(axes: Axes, series: Series) -> None:
    x = np.sort([max(i.duration_s, FLOOR_S) for i in series.instances])
    y = np.arange(1, len(x) + 1) / len(x)
    colour = technology_colour(series.technology)
    axes.step(
        [x[0], *x],
        [0.0, *y],
        where="post",
        color=colour,
        linestyle=LINES[series.provenance],
        linewidth=3.2,
        label=series.label,
    )
    axes.plot(max(median_s(series), FLOOR_S), 0.5, "o", color=colour, markersize=11, zorder=5)


def _frame(axes: Axes, durations_s: Sequence[float]) -> None:
    low_s, high_s = min(durations_s) / 1.8, max(durations_s) * 1.8
    ticks = SECONDS.log_ticks(low_s, high_s)
    axes.set_xlim(low_s, high_s)
    axes.set_ylim(0, 1.005)
    axes.set_xticks(ticks, [SECONDS.tick_text(t) for t in ticks])
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
    axes.minorticks_off()
    axes.grid(color=FAINT, linewidth=0.8)
    axes.axhline(0.5, color=GREY, linewidth=1.3, zorder=1)
    axes.set_xlabel("time from the request until ready (logarithmic)", fontsize=TEXT_PT)
    axes.set_ylabel("launches ready", fontsize=TEXT_PT)


def _median_words(series: Series) -> str:
    return f"{series.name}\n{SECONDS.text(median_s(series))}, {series.provenance}"


def _largest_words(whole: Whole) -> str:
    largest = sorted(whole.parts, key=lambda p: -p.size)[:2]
    return " and ".join(f"{p.name} {SECONDS.text(p.size)}" for p in largest)


def _stage_parts(launches: Sequence[Instance], colour: str) -> tuple[Part, ...]:
    """Average the stages over launches; a stage that a launch does not have counts as 0 s there."""
    starts: dict[tuple[str, int], list[float]] = {}
    lengths: dict[tuple[str, int], list[float]] = {}
    for launch in launches:
        seen: dict[str, int] = {}
        for stage in launch.stages:
            key = (stage.name, seen.get(stage.name, 0))
            seen[stage.name] = key[1] + 1
            starts.setdefault(key, []).append(stage.start_s)
            lengths.setdefault(key, []).append(stage.duration_s)
    parts = [
        Part(shortened(key[0]), ((float(np.mean(starts[key])), sum(lengths[key]) / len(launches)),), colour)
        for key in starts
    ]
    parts.sort(key=lambda p: p.pieces[0])
    if len(parts) <= STAGE_ROWS:
        return tuple(parts)
    longest = sorted(parts, key=lambda p: -p.size)[: STAGE_ROWS - 1]
    shorter = [p for p in parts if p not in longest]
    merged = Part(f"{len(shorter)} shorter stages", tuple(piece for p in shorter for piece in p.pieces), colour)
    return (*(p for p in parts if p in longest), merged)
