"""Memory drawn: what one instance costs the host, by category."""

from __future__ import annotations

from sim.errors import RecordError
from sim.record.document import Records
from sim.report.breakdown import Part, Whole, draw_breakdown
from sim.report.picture import Picture
from sim.report.series import Series, missing_sentence, series_of, shortened
from sim.report.style import category_colour
from sim.report.unitscale import BYTES

STACKING = (
    "engine",
    "vmm",
    "kernel objects",
    "guest kernel",
    "guest userspace",
    "page cache",
    "shared libraries",
    "application",
)
"""Categories from the host upwards; others follow in the order of the records."""


def draw_memory(records: Records) -> Picture:
    """Draw host memory per instance, stacked by category, one bar a series.

    Parameters
    ----------
    records : Records
        Any; only instances of the experiment "memory" are drawn.

    Raises
    ------
    RecordError
        No memory was observed.
    """
    wholes, technologies = [], []
    for s in memory_series(records):
        categories = mean_memory_bytes(s)
        parts: list[Part] = []
        below_bytes = 0.0
        for name, size_bytes in categories.items():
            parts.append(Part(shortened(name), ((below_bytes, size_bytes),), category_colour(name)))
            below_bytes += size_bytes
        wholes.append(Whole(s.name, s.provenance, below_bytes, tuple(parts)))
        technologies.append(s.technology)
    if not wholes:
        raise RecordError("draw memory: the records hold no memory of an instance", "measure some with 'tare compare'")
    title = "Host memory that one more instance costs"
    sheet = draw_breakdown(title, "Mean over the instances of the experiment 'memory'.", BYTES, wholes)
    words = "; ".join(
        f"{w.label} {BYTES.text(w.total)}: " + ", ".join(f"{p.name} {BYTES.text(p.size)}" for p in w.parts)
        for w in wholes
    )
    alt = f"Stacked bars of host memory per instance by category, to one scale and each to its own. {words}."
    return Picture("memory", title, sheet.figure, alt + missing_sentence(records, technologies, "memory figures"))


def memory_series(records: Records) -> tuple[Series, ...]:
    """Return the series whose instances cost an observed, non-zero amount of host memory."""
    series = series_of(records, (i for i in records.select("memory") if i.memory_bytes))
    return tuple(s for s in series if mean_memory_bytes(s))


def mean_memory_bytes(series: Series) -> dict[str, float]:
    """Return bytes of host memory per instance by category, averaged, in stacking order, without empty categories."""
    names = dict.fromkeys((*STACKING, *(name for i in series.instances for name in i.memory_bytes)))
    means = {n: sum(i.memory_bytes.get(n, 0.0) for i in series.instances) / len(series.instances) for n in names}
    return {name: size_bytes for name, size_bytes in means.items() if size_bytes > 0}
