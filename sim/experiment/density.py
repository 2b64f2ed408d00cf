"""The density experiment: how many idle instances fit on one host, and what ends it."""

from __future__ import annotations

from sim.model.density import density_limits, idle_demand, require_fit, shared_demand, supply
from sim.process.ramp import run_ramp
from sim.record.document import Density
from sim.spec.host import Host
from sim.spec.technology import Technology

# enough for a smooth curve; the ramp itself needs no more than these and the halvings of the last step
_POINTS = 50


def simulate_density(technology: Technology, host: Host) -> Density:
    """Fill a host with idle instances until a resource ends it.

    Parameters
    ----------
    technology : Technology
        What runs.
    host : Host
        Where; nothing else runs on it.

    Returns
    -------
    Density
        About 50 points, the first at one instance and the last at the limit, so that nothing is projected;
        ``ended_by`` is ``"memory"``, ``"pids"`` or ``"cpu"``.

    Raises
    ------
    ScenarioError
        Not even one instance fits.
    """
    require_fit(technology, host, 1)
    step = max(1, min(density_limits(technology, host).values()) // _POINTS)
    ramp = run_ramp(supply(host), idle_demand(technology), shared_demand(technology), step)
    return Density(
        technology=technology.name,
        driver="simpy",
        provenance="simulated",
        running=tuple(ramp.running),
        used_bytes=tuple(ramp.used_bytes),
        limit=ramp.running[-1],
        ended_by=ramp.ended_by,
        projected=False,
    )
