"""One HTML file that holds the whole comparison: no outside request, readable in ten years."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, StrictUndefined

from sim.errors import RecordError
from sim.record.document import Provenance, Records
from sim.report.picture import Picture
from sim.report.series import REALITY, observations
from sim.report.table import ABSENT, HEADINGS, baseline, comparison_rows, row_cells
from sim.report.unitscale import BYTES

MEANINGS: dict[Provenance, str] = {
    "measured": "timed and weighed on the machine described below, when this report was made",
    "recorded": "measured earlier, on the machine described below, and replayed here",
    "emulated": "a real virtual machine on a processor emulated in software: far slower than with hardware support",
    "simulated": "computed by a model; its parameters come from the sources listed below, not from this machine",
}


class Source(NamedTuple):
    """Where a parameter of a simulated technology comes from."""

    technology: str
    parameter: str
    value: str
    source: str
    is_assumption: bool


def render_report(
    records: Records, pictures: Sequence[Picture], sources: Sequence[tuple[str, str, str, str, bool]] = ()
) -> str:
    """Return the report as HTML text; see `write_report` for the parameters."""
    template = files("sim.report").joinpath("report.html.j2").read_text(encoding="utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    rows = comparison_rows(records)
    return environment.from_string(template).render(
        records=records,
        command=shlex.join(records.command),
        memory=BYTES.text(records.machine.memory_bytes),
        figures=[(picture, picture.svg_url()) for picture in pictures],
        headings=HEADINGS,
        rows=[(row.provenance, row_cells(row)) for row in rows],
        absent=ABSENT,
        baseline=baseline(rows),
        meanings=_meanings(records),
        sources=[Source(*source) for source in sources],
    )


def write_report(
    records: Records,
    pictures: Sequence[Picture],
    path: Path,
    sources: Sequence[tuple[str, str, str, str, bool]] = (),
) -> None:
    """Write the report, whole or not at all.

    Parameters
    ----------
    records : Records
        What the report is about.
    pictures : sequence of Picture
        Figures, in order of appearance, usually those of `sim.report.pictures.draw_all`.
    path : pathlib.Path
        The HTML file; its folder must exist.
    sources : sequence of (technology, parameter, value text, source text, is_assumption)
        Where the parameters of simulated technologies come from.

    Raises
    ------
    RecordError
        The file cannot be written.
    """
    text = render_report(records, pictures, sources)
    part = path.with_suffix(".part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RecordError(f"write report '{path}': {error.strerror}", "choose another folder with --out") from error


def _meanings(records: Records) -> list[tuple[Provenance, str, list[str]]]:
    """List the provenances present: the word, what it means, and the technologies it holds for."""
    items = list(observations(records))
    found = {p: list(dict.fromkeys(i.technology for i in items if i.provenance == p)) for p in REALITY}
    return [(p, MEANINGS[p], technologies) for p, technologies in found.items() if technologies]
