"""Memory and density of real instances: a ramp of idle ones, and what each costs the host.

What is counted, per instance:

- ``application``: its private pages (USS: Private_Clean + Private_Dirty of ``/proc/PID/smaps_rollup``);
- ``shared libraries``: its proportional share of pages that others map too (PSS - USS);
- ``kernel objects``: growth of slab, kernel stacks, page tables and per-CPU memory of the whole host, per instance;
- ``engine``: PSS of the zygote, divided among the containers; a plain process needs none.

The kernel's part is a difference over the whole host, so other activity on the machine adds noise to it; the
difference of MemAvailable is given beside it as the ramp's points.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from runtime.engine.session import Session
from runtime.kernel.host import meminfo_bytes
from runtime.launcher.client import Launch
from runtime.plan.container import Plan

_KERNEL = ("Slab", "KernelStack", "PageTables", "Percpu")
_SIGKILL = 9
_SETTLED_BYTES = 256 << 10
_SETTLE_LIMIT_S = 1.0


@dataclass(frozen=True, slots=True)
class Ramp:
    """What a ramp of idle instances showed.

    Attributes
    ----------
    running : tuple of int
        Instances alive at each point, from 0.
    used_bytes : tuple of int
        Host memory (MemTotal - MemAvailable) beyond that at the start, at each point.
    per_instance : tuple of dict
        Category to bytes, for each instance at the end of the ramp.
    engine_bytes : int
        PSS of the zygote at the end of the ramp.
    """

    running: tuple[int, ...]
    used_bytes: tuple[int, ...]
    per_instance: tuple[dict[str, float], ...]
    engine_bytes: int


def smaps_rollup_bytes(text: str) -> dict[str, int]:
    """Parse ``/proc/PID/smaps_rollup``, proc_pid_smaps(5), into bytes by field."""
    fields = {}
    for line in text.splitlines()[1:]:
        name, _, rest = line.partition(":")
        fields[name] = int(rest.split()[0]) * 1024
    return fields


def _rollup(pid: int) -> dict[str, int]:
    return smaps_rollup_bytes(Path(f"/proc/{pid}/smaps_rollup").read_text())


def _used_bytes(info: dict[str, int]) -> int:
    return info["MemTotal"] - info["MemAvailable"]


def _settled() -> dict[str, int]:
    """Read meminfo once it stands still: freeing namespaces goes on after a process is gone."""
    deadline = time.monotonic() + _SETTLE_LIMIT_S
    info = meminfo_bytes()
    while time.monotonic() < deadline:
        time.sleep(0.05)
        later = meminfo_bytes()
        if abs(_used_bytes(later) - _used_bytes(info)) < _SETTLED_BYTES:
            return later
        info = later
    return info


def ramp(session: Session, plan: Callable[[int], Plan], points: Sequence[int], progress: Callable[[], None]) -> Ramp:
    """Launch idle instances up to the last point, measure, and end them all.

    Parameters
    ----------
    session : Session
        Launches them.
    plan : callable
        Makes the plan of the instance of a given number; its program must go on until it is killed.
    points : sequence of int
        Increasing numbers of instances at which to look, the last at least 1.
    progress : callable
        Called after every launch.
    """
    launches: list[Launch] = []
    pids: list[int] = []
    running, used = [0], [0]
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    with ExitStack() as undo:
        undo.callback(os.close, null)
        undo.callback(_end_all, launches)
        before = _settled()
        for point in points:
            while len(launches) < point:
                launches.append(session.launch(plan(len(launches)), (null, null, null)))
                pids.append(launches[-1].wait_started())
                progress()
            now = _settled()
            running.append(point)
            used.append(_used_bytes(now) - _used_bytes(before))
        count = len(launches)
        kernel = max(0, sum(now[name] - before[name] for name in _KERNEL)) / count
        engine_bytes = _rollup(session.zygote_pid)["Pss"]
        rollups = [_rollup(pid) for pid in pids]
    per_instance = tuple(
        {
            "application": float(private := rollup["Private_Clean"] + rollup["Private_Dirty"]),
            "shared libraries": float(max(0, rollup["Pss"] - private)),
            "kernel objects": float(kernel),
        }
        for rollup in rollups
    )
    return Ramp(tuple(running), tuple(used), per_instance, engine_bytes)


def _end_all(launches: Sequence[Launch]) -> None:
    for launch in launches:
        launch.kill(_SIGKILL)
    for launch in launches:
        launch.wait()


def memory_instances(technology: str, driver: str, measured: Ramp) -> list[dict[str, Any]]:
    """Records of the instances of a ramp."""
    shared = {"engine": measured.engine_bytes / len(measured.per_instance)} if technology == "container" else {}
    return [
        {
            "experiment": "memory",
            "technology": technology,
            "driver": driver,
            "provenance": "measured",
            "index": index,
            "start_s": 0.0,
            "duration_s": 0.0,
            "stages": [],
            "memory_bytes": memory | shared,
        }
        for index, memory in enumerate(measured.per_instance)
    ]


def density(technology: str, driver: str, measured: Ramp, *, available_bytes: int, free_pids: int) -> dict[str, Any]:
    """Record of how many would fit, projected from the slope of the ramp.

    Parameters
    ----------
    technology, driver : str
        As in the records.
    measured : Ramp
        At least two points.
    available_bytes : int
        Memory that could still be taken: MemAvailable.
    free_pids : int
        Process ids not in use; one instance is one process.

    Returns
    -------
    dict
        The limit is where the first resource ends, each instance taking what the ramp's line of least squares says.
    """
    slope = float(np.polyfit(measured.running, measured.used_bytes, 1)[0])
    held = float(np.mean([sum(memory.values()) for memory in measured.per_instance]))
    # noise of the host can make the slope of a short ramp smaller than what is known to be held
    by_memory = int(available_bytes / max(slope, held))
    limit, ended_by = min((by_memory, "memory"), (free_pids, "pids"))
    return {
        "technology": technology,
        "driver": driver,
        "provenance": "measured",
        "running": list(measured.running),
        "used_bytes": list(measured.used_bytes),
        "limit": limit,
        "ended_by": ended_by,
        "projected": True,
    }


def free_pids() -> int:
    """Process ids that are not in use: /proc/sys/kernel/pid_max less the tasks of this host."""
    tasks = int(Path("/proc/loadavg").read_text().split()[3].partition("/")[2])
    return int(Path("/proc/sys/kernel/pid_max").read_text()) - tasks
