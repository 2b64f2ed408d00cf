"""Units of measure: everything is seconds, bytes or a plain number inside, whatever a source wrote outside.

A `Quantity` is a number with its dimension, so that adding milliseconds to mebibytes is refused instead of computed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

TIME: Final = "time"
MEMORY: Final = "memory"
BANDWIDTH: Final = "bandwidth"
NUMBER: Final = "number"

KIB: Final = 1024
MIB: Final = 1024**2
GIB: Final = 1024**3

_FACTORS: Final = {
    "s": (TIME, 1.0),
    "ms": (TIME, 1e-3),
    "us": (TIME, 1e-6),
    "CPU ms": (TIME, 1e-3),
    "B": (MEMORY, 1.0),
    "KiB": (MEMORY, 1024.0),
    "MiB": (MEMORY, 1024.0**2),
    "GiB": (MEMORY, 1024.0**3),
    "KB": (MEMORY, 1e3),
    "MB": (MEMORY, 1e6),
    "GB": (MEMORY, 1e9),
    "KB/s": (BANDWIDTH, 1e3),
    "MiB/s": (BANDWIDTH, 1024.0**2),
    "": (NUMBER, 1.0),
    "fraction": (NUMBER, 1.0),
    "x": (NUMBER, 1.0),
    "cores": (NUMBER, 1.0),
    "pids": (NUMBER, 1.0),
}


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number in the base unit of its dimension.

    Attributes
    ----------
    value : float
        Seconds for ``"time"``, bytes for ``"memory"``, bytes a second for ``"bandwidth"``, else as written.
    dimension : str
        ``"time"``, ``"memory"``, ``"number"``, or the unit itself when it is none of `known_units`.
    """

    value: float
    dimension: str


def known_units() -> tuple[str, ...]:
    """Return the units that `to_quantity` converts, without the empty one."""
    return tuple(unit for unit in _FACTORS if unit)


def to_quantity(value: float, unit: str) -> Quantity:
    """Convert a value to the base unit of its dimension.

    Parameters
    ----------
    value : float
        The number as its source wrote it.
    unit : str
        Its unit. Words after a known unit are a remark (``"MiB RSS"`` is MiB); an unknown unit such as ``"GFlops"``
        is a dimension of its own, which no other unit can be added to.

    Returns
    -------
    Quantity
        Seconds, bytes or a plain number.

    Examples
    --------
    >>> to_quantity(12, "ms")
    Quantity(value=0.012, dimension='time')
    >>> to_quantity(0.5, "MiB RSS (measured)")
    Quantity(value=524288.0, dimension='memory')
    """
    known = unit if unit in _FACTORS else unit.split(" ")[0]
    # "fraction of bare metal" and "microVM/s/core" must not become a bare number by their first word
    if known not in _FACTORS or (known != unit and _FACTORS[known][0] == NUMBER):
        return Quantity(value, unit)
    dimension, factor = _FACTORS[known]
    if factor < 1:  # dividing by the exact integer keeps 12 ms at the float nearest to 0.012
        return Quantity(value / round(1 / factor), dimension)
    return Quantity(value * factor, dimension)


def format_bytes(size_bytes: float) -> str:
    """Write a size with the largest binary unit that leaves a figure of at least one.

    Examples
    --------
    >>> format_bytes(1536)
    '1.5 KiB'
    """
    for unit, factor in (("GiB", GIB), ("MiB", MIB), ("KiB", KIB)):
        if abs(size_bytes) >= factor:
            return f"{size_bytes / factor:.1f} {unit}"
    return f"{size_bytes:.0f} B"


def format_seconds(time_s: float) -> str:
    """Write a time in seconds, milliseconds or microseconds, with three digits.

    Examples
    --------
    >>> format_seconds(0.0125)
    '12.5 ms'
    """
    for unit, factor in (("s", 1.0), ("ms", 1e-3)):
        if abs(time_s) >= factor:
            return f"{time_s / factor:.3g} {unit}"
    return f"{time_s * 1e6:.3g} us"
