"""One instance on its way through the stages of its launch."""

from __future__ import annotations

import math
import random
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import simpy

from sim.process.simulated_host import SimulatedHost
from sim.record.document import Stage
from sim.spec.technology import DEMANDS, BootStage


@dataclass(frozen=True, slots=True)
class StageDemand:
    """What one stage of one instance asks for, with its luck applied.

    Attributes
    ----------
    name : str
        The stage.
    cores : int
        How many cores its work can use.
    amounts : mapping of str to float
        Seconds and bytes by the names in `sim.spec.technology.DEMANDS`; 0 for what the stage does not ask for.
    """

    name: str
    cores: int
    amounts: Mapping[str, float]


def draw_demands(stages: Sequence[BootStage], luck: random.Random) -> tuple[StageDemand, ...]:
    """Draw what one instance will ask for.

    Parameters
    ----------
    stages : sequence of BootStage
        The stages of its technology.
    luck : random.Random
        The stream of this instance.

    Returns
    -------
    tuple of StageDemand
        Each amount is the parameter's median times ``exp(spread * z)``, with z standard normal.

    Notes
    -----
    Every stage takes one z for each kind of demand, used or not. So z number k means the same in every technology
    (common random numbers), and a change of one spread changes nothing else.
    """
    return tuple(
        StageDemand(stage.name, stage.cores, {kind: _draw(stage, kind, luck.gauss(0.0, 1.0)) for kind in DEMANDS})
        for stage in stages
    )


def _draw(stage: BootStage, kind: str, z: float) -> float:
    parameter = stage.demands.get(kind)
    return parameter.value * math.exp(parameter.spread * z) if parameter else 0.0


def boot(host: SimulatedHost, demands: Sequence[StageDemand]) -> Generator[simpy.Event, None, tuple[Stage, ...]]:
    """Pass the stages one after the other, as a SimPy process.

    Within a stage the instance reads what is not in the page cache, then works, then waits. Each part takes as long as
    the others on the host make it, so that a stage's duration includes its queueing.

    Parameters
    ----------
    host : SimulatedHost
        Where it runs.
    demands : sequence of StageDemand
        From `draw_demands`.

    Returns
    -------
    tuple of Stage
        The process's value: start and duration of every stage, in seconds since the process began.
    """
    env = host.env
    request_s = env.now
    stages: list[Stage] = []
    for demand in demands:
        amounts = demand.amounts
        start_s = env.now
        if host.cold and amounts["shared_disk_bytes"]:
            yield host.page_cache.read(demand.name, amounts["shared_disk_bytes"])
        if host.cold and amounts["disk_bytes"]:
            yield host.disk.submit(amounts["disk_bytes"])
        if amounts["cpu_s"]:
            yield host.cpu.submit(amounts["cpu_s"], cap=demand.cores)
        if amounts["wait_s"]:
            yield env.timeout(amounts["wait_s"])
        stages.append(Stage(demand.name, start_s - request_s, env.now - start_s))
    return tuple(stages)


def run_boots(
    host: SimulatedHost, requests_s: Sequence[float], demands: Sequence[Sequence[StageDemand]]
) -> list[tuple[Stage, ...]]:
    """Boot several instances on one host and wait for all.

    Parameters
    ----------
    host : SimulatedHost
        Where; its clock stands at 0.
    requests_s : sequence of float
        When each instance is requested, seconds, at least 0.
    demands : sequence of sequence of StageDemand
        What each instance asks for.

    Returns
    -------
    list of tuple of Stage
        The stages of each instance, in the order given; times since its own request.
    """
    launches = [
        host.env.process(_requested(host, request_s, stages))
        for request_s, stages in zip(requests_s, demands, strict=True)
    ]
    host.env.run()
    return [cast("tuple[Stage, ...]", launch.value) for launch in launches]


def _requested(
    host: SimulatedHost, request_s: float, demands: Sequence[StageDemand]
) -> Generator[simpy.Event, None, tuple[Stage, ...]]:
    yield host.env.timeout(request_s)
    return (yield from boot(host, demands))
