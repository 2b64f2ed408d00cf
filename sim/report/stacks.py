"""The boxes of the box diagram as numbers: layers of bytes, from the host upwards.

Pure geometry; drawing is in `sim.report.boxes`. A layer is as high as its bytes per instance. A layer that all
containers of a host share in one piece (the engine, shared libraries) is one box across both applications: its height
is still the share of one instance, so that its area is the sum over both, as it is for the other layers.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.record.document import Provenance, Records
from sim.report.memory import mean_memory_bytes, memory_series
from sim.report.series import Series, closest_to_reality, shortened

VM_TECHNOLOGIES = ("vm", "microvm")
"""What may stand on the virtual machines' side, the first one that the records hold."""

SHARED_BY_CONTAINERS = ("engine", "shared libraries")
"""Categories that containers of one host have in common; virtual machines have none, not even the VMM's process."""


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer of a stack.

    Attributes
    ----------
    category : str
        Memory category.
    bottom_bytes, height_bytes : float
        Place in the stack, above the host's kernel.
    across : bool
        Whether it is one box across both applications.
    """

    category: str
    bottom_bytes: float
    height_bytes: float
    across: bool


@dataclass(frozen=True, slots=True)
class Stack:
    """One side of the diagram."""

    technology: str
    driver: str
    provenance: Provenance
    samples: int
    layers: tuple[Layer, ...]

    @property
    def total_bytes(self) -> float:
        """Host memory per instance."""
        return sum(layer.height_bytes for layer in self.layers)


def stack_of(series: Series, across: tuple[str, ...]) -> Stack:
    """Pile the mean memory of a series up: first what lies across all instances, then what each has to itself."""
    categories = mean_memory_bytes(series)
    order = sorted(categories, key=lambda name: name not in across)
    layers: list[Layer] = []
    bottom_bytes = 0.0
    for name in order:
        layers.append(Layer(name, bottom_bytes, categories[name], name in across))
        bottom_bytes += categories[name]
    return Stack(shortened(series.technology), series.driver, series.provenance, len(series.instances), tuple(layers))


def both_stacks(records: Records) -> tuple[Stack, ...]:
    """Return the stacks of a virtual machine and of a container, the higher first; empty or one where figures lack."""
    series = memory_series(records)
    machine = next(filter(None, (closest_to_reality(series, name) for name in VM_TECHNOLOGIES)), None)
    container = closest_to_reality(series, "container")
    stacks = []
    if machine is not None:
        stacks.append(stack_of(machine, ()))
    if container is not None:
        stacks.append(stack_of(container, SHARED_BY_CONTAINERS))
    return tuple(sorted(stacks, key=lambda stack: -stack.total_bytes))
