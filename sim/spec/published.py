"""Figures published by others, one row each: what the parameters of the technologies are made of.

``data/published/core.csv`` holds single figures with ids such as ``P001``. ``vm_memory_vs_size.csv`` holds the memory
of three VMMs at three guest sizes; its cells become rows with ids such as ``fc_128_rss``.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from sim.datafiles import data_path
from sim.errors import TechnologyError
from sim.units import Quantity, to_quantity

# 90 % of a normal law lies below this many standard deviations
_NORMAL_P90 = 1.2815515655446004

_SIZE_SOURCE = (
    'Agache et al., "Firecracker", USENIX NSDI 2020, raw data: idle booted minimal guest with sshd on m5d.metal'
)


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One published figure, as its source states it.

    Attributes
    ----------
    id : str
        ``P`` and three digits, or VMM, size and column.
    value, unit : float, str
        The figure in its own unit; `quantity` converts it.
    technology : str
        What was measured, in the source's words.
    definition : str
        What starts and what ends the clock, or what is counted as memory.
    source : str
        Paper, dataset or page.
    p10, p90, sd : float or None
        Quantiles and standard deviation in `unit`, where the source states them.
    """

    id: str
    value: float
    unit: str
    technology: str
    definition: str
    source: str
    p10: float | None = None
    p90: float | None = None
    sd: float | None = None

    @property
    def quantity(self) -> Quantity:
        """The figure in seconds, bytes or as a plain number."""
        return to_quantity(self.value, self.unit)

    def spread(self) -> float | None:
        """Estimate the standard deviation of the logarithm.

        Returns
        -------
        float or None
            From p10 and p90, ``ln(p90/p10) / 2.563``; else from the value as median and p90; else from the standard
            deviation, ``sqrt(ln(1 + (sd/mean)^2))``; None when the source states none of them.

        Notes
        -----
        Start times are positive and skewed to the right, hence a lognormal law.
        """
        if self.p10 and self.p90:
            return math.log(self.p90 / self.p10) / (2 * _NORMAL_P90)
        if self.p90:
            return math.log(self.p90 / self.value) / _NORMAL_P90
        if self.sd is not None:
            return math.sqrt(math.log1p((self.sd / self.value) ** 2))
        return None


def load_rows(path: Path) -> tuple[PublishedRow, ...]:
    """Read a table of single figures.

    Parameters
    ----------
    path : pathlib.Path
        A CSV file with the columns of ``data/published/core.csv``.

    Raises
    ------
    TechnologyError
        The file cannot be read, lacks a column, or holds a figure that is not a number.
    """
    try:
        with path.open(newline="", encoding="utf-8") as lines:
            return tuple(_rows(csv.DictReader(lines)))
    except OSError as error:
        raise TechnologyError(
            f"read published figures '{path}': {error.strerror}", "name a file that exists"
        ) from error
    except (KeyError, ValueError) as error:
        raise TechnologyError(f"read published figures '{path}': {error}", "compare with published/core.csv") from error


@cache
def published_rows() -> Mapping[str, PublishedRow]:
    """Return the shipped figures by id; read once and read-only."""
    rows = (
        *load_rows(data_path("published", "core.csv")),
        *_size_rows(data_path("published", "vm_memory_vs_size.csv")),
    )
    return MappingProxyType({row.id: row for row in rows})


def _rows(table: csv.DictReader[str]) -> Iterator[PublishedRow]:
    for cells in table:
        statistic = cells["percentile_or_stat"]
        yield PublishedRow(
            id=cells["id"],
            value=float(cells["value"]),
            unit=cells["unit"],
            technology=cells["technology"],
            definition=cells["definition"],
            source=f"{cells['source']}, {cells['locator']}",
            p10=_stated(statistic, "p10"),
            p90=_stated(statistic, "p90"),
            sd=_stated(statistic, "sd"),
        )


def _stated(statistic: str, name: str) -> float | None:
    """Find ``p10 156.7`` in the words of the statistics column."""
    match = re.search(rf"\b{name} (\d+(?:\.\d+)?)", statistic)
    return float(match.group(1)) if match else None


def _size_rows(path: Path) -> Iterator[PublishedRow]:
    with path.open(newline="", encoding="utf-8") as lines:
        for cells in csv.DictReader(lines):
            vmm, size_mib = cells.pop("vmm"), cells.pop("configured_mib")
            for column, text in cells.items():
                yield PublishedRow(
                    id=f"{vmm}_{size_mib}_{column.split('_mib')[0]}",
                    value=float(text),
                    unit="MiB",
                    technology=vmm,
                    definition=f"{column}, configured guest RAM {size_mib} MiB",
                    source=_SIZE_SOURCE,
                )
