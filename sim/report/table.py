"""The comparison as rows, for the terminal and for HTML alike."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from sim.record.document import Density, Provenance, Records
from sim.report.interval import median_interval
from sim.report.memory import mean_memory_bytes, memory_series
from sim.report.series import REALITY, observations, series_of
from sim.report.unitscale import BYTES, SECONDS, UnitScale
from sim.seeds import stream

HEADINGS = (
    "technology",
    "provenance",
    "driver",
    "launches",
    "startup, median",
    "its 95 % interval",
    "startup, p95",
    "memory each",
    "how many fit",
    "startup ratio",
    "memory ratio",
)
"""Headings of `row_cells`; the ratios are to the row that `baseline` returns."""

ABSENT = "not observed"


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One technology, launched by one driver, of one provenance; None where the records say nothing.

    Attributes
    ----------
    samples : int
        Launches behind the startup figures.
    startup_low_s, startup_high_s : float or None
        95 % bootstrap interval of the median.
    memory_bytes : float or None
        Host memory per instance, mean.
    density_limit : int or None
        How many fit, and `ended_by` what; `projected` when computed from the slope.
    startup_ratio, memory_ratio : float or None
        Median and memory relative to the container's (see `baseline`).
    """

    technology: str
    provenance: Provenance
    driver: str
    samples: int = 0
    startup_median_s: float | None = None
    startup_low_s: float | None = None
    startup_high_s: float | None = None
    startup_p95_s: float | None = None
    memory_bytes: float | None = None
    density_limit: int | None = None
    ended_by: str | None = None
    projected: bool = False
    startup_ratio: float | None = None
    memory_ratio: float | None = None


def comparison_rows(records: Records) -> list[ComparisonRow]:
    """Summarise records, one row a technology, driver and provenance, in order of first appearance.

    Parameters
    ----------
    records : Records
        Any; its seed, or 0 without one, seeds the bootstrap.

    Returns
    -------
    list of ComparisonRow
        Empty for empty records.
    """
    rows: dict[tuple[str, str, str], ComparisonRow] = {}
    for item in observations(records):
        key = (item.technology, item.driver, item.provenance)
        rows.setdefault(key, ComparisonRow(item.technology, item.provenance, item.driver))
    for s in series_of(records, records.select("startup")):
        key = (s.technology, s.driver, s.provenance)
        durations_s = [i.duration_s for i in s.instances]
        luck = stream(records.seed or 0, "interval of the median", *key)
        low_s, high_s = median_interval(durations_s, np.random.default_rng(luck.getrandbits(128)))
        rows[key] = replace(
            rows[key],
            samples=len(durations_s),
            startup_median_s=float(np.median(durations_s)),
            startup_low_s=low_s,
            startup_high_s=high_s,
            startup_p95_s=float(np.quantile(durations_s, 0.95)),
        )
    for s in memory_series(records):
        key = (s.technology, s.driver, s.provenance)
        rows[key] = replace(rows[key], memory_bytes=sum(mean_memory_bytes(s).values()))
    for density in records.densities:
        key = (density.technology, density.driver, density.provenance)
        rows[key] = _with_density(rows[key], density)
    return [_with_ratios(row, baseline(list(rows.values()))) for row in rows.values()]


def baseline(rows: list[ComparisonRow]) -> ComparisonRow | None:
    """Return the container's row that ratios refer to: measured before simulated, then the first; None without one."""
    containers = [row for row in rows if row.technology == "container"]
    return min(containers, key=lambda row: REALITY.index(row.provenance), default=None)


def row_cells(row: ComparisonRow) -> tuple[str, ...]:
    """Write a row as texts, in the order of `HEADINGS`."""
    interval = fit = ABSENT
    if row.startup_low_s is not None and row.startup_high_s is not None:
        interval = f"{SECONDS.text(row.startup_low_s)} to {SECONDS.text(row.startup_high_s)}"
    if row.density_limit is not None:
        fit = f"{row.density_limit:,}{' projected' if row.projected else ''}, ended by {row.ended_by}"
    return (
        row.technology,
        row.provenance,
        row.driver,
        f"{row.samples:,}",
        _text(row.startup_median_s, SECONDS),
        interval,
        _text(row.startup_p95_s, SECONDS),
        _text(row.memory_bytes, BYTES),
        fit,
        _ratio_text(row.startup_ratio),
        _ratio_text(row.memory_ratio),
    )


def _text(value: float | None, scale: UnitScale) -> str:
    return ABSENT if value is None else scale.text(value)


def _with_density(row: ComparisonRow, density: Density) -> ComparisonRow:
    return replace(row, density_limit=density.limit, ended_by=density.ended_by, projected=density.projected)


def _with_ratios(row: ComparisonRow, base: ComparisonRow | None) -> ComparisonRow:
    if base is None:
        return row
    return replace(
        row,
        startup_ratio=_ratio(row.startup_median_s, base.startup_median_s),
        memory_ratio=_ratio(row.memory_bytes, base.memory_bytes),
    )


def _ratio(value: float | None, base: float | None) -> float | None:
    return None if value is None or not base else value / base


def _ratio_text(ratio: float | None) -> str:
    if ratio is None:
        return ABSENT
    return f"{ratio:,.0f}" if ratio >= 100 else f"{ratio:.3g}"
