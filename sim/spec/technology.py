"""A technology: how one kind of instance starts, what it holds and what it uses while idle.

Every number is a `Parameter`, which says where it comes from. See ``data/technologies`` for the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final

from sim.units import format_bytes, format_seconds

MEMORY_CATEGORIES: Final = (
    "application",
    "shared libraries",
    "page cache",
    "kernel objects",
    "engine",
    "vmm",
    "guest kernel",
    "guest userspace",
)

# in the order in which a stage makes them
DEMANDS: Final = ("shared_disk_bytes", "disk_bytes", "cpu_s", "wait_s")


@dataclass(frozen=True, slots=True)
class Parameter:
    """One number of a model and where it comes from.

    Attributes
    ----------
    name : str
        Its place in the technology: ``"kernel: cpu_s"``.
    value : float
        In the base unit.
    unit : str
        ``"s"``, ``"bytes"``, ``"cores"`` or ``"pids"``.
    source : str
        The expression over published rows, a measurement, or ``"assumption: "`` and the reason.
    spread : float
        Standard deviation of the logarithm of the value from one instance to the next; `value` is the median.
    rows : tuple of str
        Ids of the published rows behind it.
    is_assumption : bool
        Whether any part of it was assumed.
    """

    name: str
    value: float
    unit: str
    source: str
    spread: float = 0.0
    rows: tuple[str, ...] = ()
    is_assumption: bool = False

    def value_text(self) -> str:
        """Write the value for a reader, in the unit that suits its size."""
        if self.unit == "s":
            return format_seconds(self.value)
        return format_bytes(self.value) if self.unit == "bytes" else f"{self.value:g} {self.unit}"


@dataclass(frozen=True, slots=True)
class BootStage:
    """One stage of a launch and what it asks of the host, in this order: disk, processors, waiting.

    Attributes
    ----------
    name : str
        The field's word for it.
    cores : int
        How many cores its work can use at once.
    demands : mapping of str to Parameter
        A part of `DEMANDS`. ``shared_disk_bytes``: files that all instances read and the first one brings into the
        page cache. ``disk_bytes``: blocks that each instance has for itself, such as a VM's disk. ``cpu_s``: work in
        core-seconds. ``wait_s``: time that uses nothing, such as a timer. Disk is read only when the cache is cold.
    """

    name: str
    cores: int
    demands: Mapping[str, Parameter]

    def warm_s(self) -> float:
        """Time of the median stage on an otherwise idle host, with everything in the page cache, in seconds."""
        work = self.demands.get("cpu_s")
        wait = self.demands.get("wait_s")
        return (work.value / self.cores if work else 0.0) + (wait.value if wait else 0.0)


@dataclass(frozen=True, slots=True)
class Technology:
    """One way to run an application in a box.

    Attributes
    ----------
    name, title, description : str
        The word to type, the words to print, and what is included.
    stages : tuple of BootStage
        From the request until the application runs.
    memory_bytes : mapping of str to Parameter
        Host memory that every idle instance holds for itself, by category of `MEMORY_CATEGORIES`.
    shared_bytes : mapping of str to Parameter
        Host memory that the first instance brings in and later ones share.
    idle_cpu_cores : Parameter
        Processor use of one idle instance, in cores.
    pids : Parameter
        Process ids that one instance takes on the host.
    guest_memory_bytes : Parameter or None
        Configured memory of the guest; None when there is none.
    """

    name: str
    title: str
    description: str
    stages: tuple[BootStage, ...]
    memory_bytes: Mapping[str, Parameter]
    shared_bytes: Mapping[str, Parameter]
    idle_cpu_cores: Parameter
    pids: Parameter
    guest_memory_bytes: Parameter | None = None

    def parameters(self) -> Iterator[Parameter]:
        """Iterate over every parameter, in the order of the file."""
        for stage in self.stages:
            yield from stage.demands.values()
        yield from self.memory_bytes.values()
        yield from self.shared_bytes.values()
        yield self.idle_cpu_cores
        yield self.pids
        if self.guest_memory_bytes is not None:
            yield self.guest_memory_bytes

    def warm_startup_s(self) -> float:
        """Startup of the median instance, alone and warm, in seconds: the sum of its stages."""
        return sum(stage.warm_s() for stage in self.stages)

    def private_bytes(self) -> float:
        """Host memory of one more instance, in bytes."""
        return sum(parameter.value for parameter in self.memory_bytes.values())

    def common_bytes(self) -> float:
        """Host memory paid once however many instances run, in bytes."""
        return sum(parameter.value for parameter in self.shared_bytes.values())

    def without_spread(self) -> Technology:
        """Return the same technology with every launch at its median."""
        stages = tuple(
            replace(stage, demands={kind: replace(p, spread=0.0) for kind, p in stage.demands.items()})
            for stage in self.stages
        )
        return replace(self, stages=stages)
