"""The records in groups that may share a curve or a bar: one technology, one driver, one provenance.

A measured and a simulated figure never fall into one group, whatever they are called.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sim.record.document import Density, Instance, Provenance, Records

REALITY: tuple[Provenance, ...] = ("measured", "recorded", "emulated", "simulated")
"""Provenances, the closest to reality first."""

LONGEST_NAME = 36


@dataclass(frozen=True, slots=True)
class Series:
    """Instances of one technology, launched by one driver, of one provenance.

    Attributes
    ----------
    name : str
        The technology, followed by the driver where the document holds several for that technology.
    """

    technology: str
    driver: str
    provenance: Provenance
    name: str
    instances: tuple[Instance, ...]

    @property
    def label(self) -> str:
        """The name with the provenance, unique in its document."""
        return f"{self.name} ({self.provenance})"


def series_of(records: Records, instances: Iterable[Instance]) -> tuple[Series, ...]:
    """Group instances of `records` into series, in order of first appearance."""
    groups: dict[tuple[str, str, Provenance], list[Instance]] = {}
    for instance in instances:
        groups.setdefault((instance.technology, instance.driver, instance.provenance), []).append(instance)
    return tuple(
        Series(technology, driver, provenance, display_name(records, technology, driver), tuple(members))
        for (technology, driver, provenance), members in groups.items()
    )


def display_name(records: Records, technology: str, driver: str) -> str:
    """Return the technology's name, with the driver where `records` has several drivers for it in one provenance."""
    drivers: dict[Provenance, set[str]] = {}
    for item in observations(records):
        if item.technology == technology:
            drivers.setdefault(item.provenance, set()).add(item.driver)
    several = any(len(names) > 1 for names in drivers.values())
    return f"{shortened(technology)}, {shortened(driver)}" if several else shortened(technology)


def shortened(name: str) -> str:
    """Cut a name that comes from a record file to a length that fits a figure."""
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"


def closest_to_reality(series: Iterable[Series], technology: str) -> Series | None:
    """Return the series that speaks for a technology: measured before simulated, then the first one."""
    own = [s for s in series if s.technology == technology]
    return min(own, key=lambda s: REALITY.index(s.provenance), default=None)


def missing_sentence(records: Records, shown: Iterable[str], what: str) -> str:
    """Say which technologies of `records` a figure leaves out; empty when it leaves out none.

    Parameters
    ----------
    records : Records
        The whole document.
    shown : iterable of str
        Technologies in the figure.
    what : str
        What the others lack, for example ``"memory figures"``.
    """
    drawn = set(shown)
    absent = [name for name in dict.fromkeys(item.technology for item in observations(records)) if name not in drawn]
    return f" Not shown, for lack of {what}: {', '.join(absent)}." if absent else ""


def observations(records: Records) -> Iterable[Instance | Density]:
    """Return everything in the records that has a technology, a driver and a provenance."""
    return (*records.instances, *records.densities)
