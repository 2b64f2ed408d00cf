"""The memory experiment: what each of a number of idle instances holds."""

from __future__ import annotations

from sim.model.density import require_fit
from sim.record.document import Instance
from sim.spec.host import Host
from sim.spec.ranges import require_count
from sim.spec.technology import MEMORY_CATEGORIES, Technology


def simulate_memory(technology: Technology, host: Host, *, count: int) -> tuple[Instance, ...]:
    """Divide the memory of a host among idle instances.

    Parameters
    ----------
    technology : Technology
        What runs.
    host : Host
        Where.
    count : int
        How many, at least 1.

    Returns
    -------
    tuple of Instance
        Each with what it holds for itself and an equal part of what all share, as proportional set size (PSS) counts
        it: the sum over the instances is what the host has given. Categories in the order of `MEMORY_CATEGORIES`.

    Raises
    ------
    ParameterError
        A count outside its range.
    ScenarioError
        More instances than the host can hold.
    """
    require_count("memory", "count", count, "instances")
    require_fit(technology, host, count)
    private, shared = technology.memory_bytes, technology.shared_bytes
    memory_bytes = {
        name: (private[name].value if name in private else 0.0)
        + (shared[name].value / count if name in shared else 0.0)
        for name in MEMORY_CATEGORIES
        if name in private or name in shared
    }
    return tuple(
        Instance(
            experiment="memory",
            technology=technology.name,
            driver="simpy",
            provenance="simulated",
            index=index,
            start_s=0.0,
            duration_s=0.0,
            memory_bytes=dict(memory_bytes),
        )
        for index in range(count)
    )
