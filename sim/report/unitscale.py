"""Seconds, bytes and counts as people read them: three significant digits and the unit that suits."""

from __future__ import annotations

import math
from dataclasses import dataclass

from sim.units import GIB, KIB, MIB


@dataclass(frozen=True, slots=True)
class UnitScale:
    """The units in which a dimension is written, and how.

    Attributes
    ----------
    units : tuple of (float, str)
        Size in the base unit and name of each unit, ascending.
    """

    units: tuple[tuple[float, str], ...]

    def text(self, value: float) -> str:
        """Write a value with three significant digits.

        Parameters
        ----------
        value : float
            In the base unit (s or bytes), finite.

        Examples
        --------
        >>> SECONDS.text(0.0030211), SECONDS.text(0.99996), BYTES.text(180 * 1024**2)
        ('3.02 ms', '1.00 s', '180 MiB')
        """
        size, name = self.unit(value)
        scaled = float(f"{value / size:.3g}")
        if scaled == 0 or name in ("B", ""):
            return f"{scaled:.0f} {name}".rstrip()
        decimals = max(0, 2 - math.floor(math.log10(abs(scaled))))
        return f"{scaled:.{decimals}f} {name}"

    def tick_text(self, value: float) -> str:
        """Write a round value, such as an axis tick, without trailing zeros.

        Examples
        --------
        >>> SECONDS.tick_text(0.01), BYTES.tick_text(0)
        ('10 ms', '0')
        """
        if value == 0:
            return "0"
        size, name = self.unit(value)
        return f"{value / size:.4g} {name}".rstrip()

    def unit(self, value: float) -> tuple[float, str]:
        """Return size and name of the smallest unit in which `value` takes less than four digits."""
        for size, name in self.units:
            if abs(float(f"{value / size:.3g}")) < 1000:
                return size, name
        return self.units[-1]

    def round_below(self, value: float) -> float:
        """Return the largest value not above `value` that is 1, 2 or 5 times a power of ten of its unit.

        Used for the length of a scale bar; `value` must be positive.
        """
        size = max((size for size, _ in self.units if size <= value), default=self.units[0][0])
        return max(step for step in _one_two_five(value / size) if step * size <= value) * size

    def linear_ticks(self, high: float, intervals: int) -> list[tuple[float, str]]:
        """Return ticks from 0 to at most `high` with their texts, all in one unit, in at most `intervals` steps."""
        size, name = self.unit(high)
        step = next(step for step in _one_two_five(high / size / intervals) if step * intervals * size >= high)
        ticks = [i * step for i in range(math.floor(high / size / step * (1 + 1e-9)) + 1)]
        return [(tick * size, f"{tick:.4g} {name}" if tick else "0") for tick in ticks]

    def log_ticks(self, low: float, high: float) -> list[float]:
        """Return the ticks 1, 10 and 100 of every unit that lie between `low` and `high`."""
        return [m * size for size, _ in self.units for m in (1, 10, 100) if low <= m * size <= high]


def _one_two_five(near: float) -> tuple[float, ...]:
    """Return 1, 2, 5 and 10 times the power of ten below `near`, ascending."""
    power = 10.0 ** math.floor(math.log10(near))
    return tuple(step * power for step in (1, 2, 5, 10))


SECONDS = UnitScale(((1e-9, "ns"), (1e-6, "µs"), (1e-3, "ms"), (1.0, "s"), (1000.0, "ks")))
BYTES = UnitScale(((1, "B"), (KIB, "KiB"), (MIB, "MiB"), (GIB, "GiB"), (1024 * GIB, "TiB")))
COUNTS = UnitScale(((1, ""), (1e3, "thousand"), (1e6, "million"), (1e9, "billion")))
