"""How many idle instances a host can hold, resource by resource.

Amounts are integers, in bytes, process ids and millionths of a core, so that the formula here and the ramp that takes
one instance after the other from a tank end at the same number.
"""

from __future__ import annotations

import math
from typing import Final

from sim.errors import ScenarioError
from sim.spec.host import Host
from sim.spec.technology import Technology
from sim.units import format_bytes

# in the order in which a shortage is named when two resources end together
RESOURCES: Final = ("memory", "pids", "cpu")
_PARTS_PER_CORE: Final = 1_000_000


def supply(host: Host) -> dict[str, int]:
    """Return what a host has for instances: memory in bytes, process ids, processors in millionths of a core."""
    return {"memory": host.available_bytes, "pids": host.available_pids, "cpu": host.cores * _PARTS_PER_CORE}


def idle_demand(technology: Technology) -> dict[str, int]:
    """Return what one idle instance holds, in the units of `supply`; memory is what is resident, rounded up to a byte.

    Notes
    -----
    Resident, not configured: guests may be overcommitted, as on a real host.
    """
    return {
        "memory": math.ceil(technology.private_bytes()),
        "pids": math.ceil(technology.pids.value),
        "cpu": round(technology.idle_cpu_cores.value * _PARTS_PER_CORE),
    }


def shared_demand(technology: Technology) -> int:
    """Return the memory that the first instance brings in for all, in bytes."""
    return math.ceil(technology.common_bytes())


def density_limits(technology: Technology, host: Host) -> dict[str, int]:
    """Count how many idle instances each resource of a host can hold.

    Parameters
    ----------
    technology : Technology
        What runs.
    host : Host
        Where.

    Returns
    -------
    dict of str to int
        Limits by resource; one that idle instances do not use is left out.

    Notes
    -----
    ``floor((supply - shared) / demand)``: what is shared is paid once. Idle instances may fill the cores, but not more.
    """
    have, each = supply(host), idle_demand(technology)
    have["memory"] -= shared_demand(technology)
    return {name: max(0, have[name] // each[name]) for name in RESOURCES if each[name]}


def require_fit(technology: Technology, host: Host, count: int) -> None:
    """Refuse a number of instances that the host cannot hold.

    Parameters
    ----------
    technology, host : Technology, Host
        What runs, and where.
    count : int
        How many at once.

    Raises
    ------
    ScenarioError
        A guest configured larger than the host, or too many instances for its memory, process ids or processors.
    """
    subject = f"place {count} '{technology.name}' on the host"
    guest = technology.guest_memory_bytes
    if guest is not None and guest.value > host.available_bytes:
        raise ScenarioError(
            f"{subject}: one guest is configured with {format_bytes(guest.value)}, "
            f"the host has {format_bytes(host.available_bytes)} for guests",
            "give the host more memory, or the technology a smaller guest",
        )
    limits = density_limits(technology, host)
    scarcest = min(limits, key=lambda name: limits[name])
    if count > limits[scarcest]:
        raise ScenarioError(
            f"{subject}: its {scarcest} is enough for {limits[scarcest]}",
            f"ask for at most {limits[scarcest]}, or describe a larger host",
        )
