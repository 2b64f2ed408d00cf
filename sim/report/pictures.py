"""All figures that a record document has the data for."""

from __future__ import annotations

from sim.errors import RecordError
from sim.record.document import Records
from sim.report.boxes import draw_boxes
from sim.report.density import draw_density
from sim.report.memory import draw_memory
from sim.report.picture import Picture
from sim.report.startup import draw_startup_ecdf, draw_startup_stages

DRAWINGS = (draw_boxes, draw_startup_ecdf, draw_startup_stages, draw_memory, draw_density)
"""In the order of the report; each raises RecordError when the records hold nothing for it."""


def draw_all(records: Records) -> tuple[Picture, ...]:
    """Draw every figure that `records` has the data for, the box diagram first.

    Parameters
    ----------
    records : Records
        Any.

    Returns
    -------
    tuple of Picture
        At least one.

    Raises
    ------
    RecordError
        There is nothing to draw at all.
    """
    pictures: list[Picture] = []
    for draw in DRAWINGS:
        try:
            pictures.append(draw(records))
        except RecordError:
            continue
    if not pictures:
        raise RecordError(
            "draw records: they hold neither launches, nor memory, nor a density", "make some with 'tare compare'"
        )
    return tuple(pictures)
