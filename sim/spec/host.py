"""The machine that everything runs on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sim.errors import ParameterError
from sim.spec.ranges import require_count, require_number
from sim.units import format_bytes

# Linux never hands out the first 300 ids again after the counter has wrapped (RESERVED_PIDS in kernel/pid.c)
RESERVED_PIDS: Final = 300


@dataclass(frozen=True, slots=True)
class Host:
    """A host, before anything is launched on it.

    Attributes
    ----------
    cores : int
        Processors, at least 1.
    memory_bytes : int
        Physical memory, greater than 0.
    reserved_bytes : int
        Memory that the host itself needs and no instance gets, greater than 0 and less than `memory_bytes`.
    disk_bandwidth_bytes_per_s : float
        Sequential read bandwidth, greater than 0 and finite.
    pid_max : int
        ``kernel.pid_max``, greater than 300: the first 300 ids stay with the host.

    Raises
    ------
    ParameterError
        A value outside its range, NaN and infinity included.
    """

    cores: int
    memory_bytes: int
    reserved_bytes: int
    disk_bandwidth_bytes_per_s: float
    pid_max: int

    def __post_init__(self) -> None:
        require_count("host", "cores", self.cores, "cores")
        require_count("host", "memory_bytes", self.memory_bytes, "bytes")
        require_count("host", "reserved_bytes", self.reserved_bytes, "bytes")
        require_number("host", "disk_bandwidth_bytes_per_s", self.disk_bandwidth_bytes_per_s, "bytes/s")
        require_count("host", "pid_max", self.pid_max, "pids", least=RESERVED_PIDS + 1)
        if self.reserved_bytes >= self.memory_bytes:
            raise ParameterError(
                f"check host: 'reserved_bytes' is {self.reserved_bytes} bytes ({format_bytes(self.reserved_bytes)}), "
                f"not less than 'memory_bytes' ({format_bytes(self.memory_bytes)})",
                "reserve less, or give the host more memory",
            )

    @property
    def available_bytes(self) -> int:
        """Memory left for instances."""
        return self.memory_bytes - self.reserved_bytes

    @property
    def available_pids(self) -> int:
        """Process ids left for instances."""
        return self.pid_max - RESERVED_PIDS
