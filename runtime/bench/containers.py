"""The measured half of the comparison: containers, and plain processes, on this machine."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

from runtime.bench.drivers.driver import Driver
from runtime.bench.drivers.tare import ProcessDriver, TareDriver
from runtime.bench.memory import density, free_pids, memory_instances, ramp
from runtime.bench.payload import IDLE, Payload, prepare_payload
from runtime.bench.records import document, startup_instances
from runtime.bench.sampling import WARM_UP, take_samples
from runtime.engine.session import Session
from runtime.kernel.host import meminfo_bytes
from runtime.plan.container import Plan, plan_process

RAMP = (10, 25, 50, 75, 100)


def steps(samples: int) -> int:
    """How many launches `measure_containers` makes, for a progress bar."""
    return 2 * (samples + WARM_UP) + 2 * RAMP[-1]


def measure_containers(session: Session, samples: int, seed: int, progress: Callable[[], None]) -> dict[str, Any]:
    """Measure startup, memory and density of containers and processes.

    Parameters
    ----------
    session : Session
        Launches them.
    samples : int
        Timed launches of each, interleaved.
    seed : int
        Of the order of launches.
    progress : callable
        Called after every launch.

    Returns
    -------
    dict
        A record document; every figure in it is measured.
    """
    payload = prepare_payload(session, ("true",))
    idle = prepare_payload(session, IDLE)
    available_bytes, pids = meminfo_bytes()["MemAvailable"], free_pids()
    instances: list[dict[str, Any]] = []
    densities: list[dict[str, Any]] = []
    with ExitStack() as stack:
        drivers: list[Driver] = [
            stack.enter_context(ProcessDriver(session, payload)),
            stack.enter_context(TareDriver(session, payload)),
        ]
        taken = take_samples(drivers, samples, seed, progress)
    for driver in drivers:
        instances += startup_instances(driver, taken[driver.name])
        planned = _planner(session, idle, driver.technology)
        held = ramp(session, planned, RAMP, progress)
        instances += memory_instances(driver.technology, driver.name, held)
        densities.append(density(driver.technology, driver.name, held, available_bytes=available_bytes, free_pids=pids))
    notes = [
        "clock of measured launches: from the request to the warm zygote until `true` was reaped and everything "
        "cleaned up",
        f"memory and density, measured: idle `sleep`, up to {RAMP[-1]} at once; kernel objects are the growth of the "
        "whole host's slab, stacks, page tables and per-CPU memory; how many fit is projected from the slope",
    ]
    if session.host.rootless:
        notes.append(
            "launched by an unprivileged user: inside a user namespace, without a control group and its limits"
        )
    return document(instances, densities, seed, notes)


def _planner(session: Session, idle: Payload, technology: str) -> Callable[[int], Plan]:
    if technology == "process":
        return lambda number: plan_process(f"process-{number}", idle.on_host())
    return lambda _: session.plan(idle.image, replace(idle.config, hostname="idle"))
