"""A ramp of idle instances on one host, which goes on until a resource runs out."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from typing import cast

import simpy


@dataclass(slots=True)
class Ramp:
    """What a ramp saw.

    Attributes
    ----------
    running, used_bytes : list
        After each step: instances alive, and host memory that they have taken.
    ended_by : str
        The resource that one more instance would have exceeded; empty while the ramp goes on.
    """

    running: list[int] = field(default_factory=list)
    used_bytes: list[float] = field(default_factory=list)
    ended_by: str = ""


def run_ramp(supply: Mapping[str, int], demand: Mapping[str, int], shared_bytes: int, step: int) -> Ramp:
    """Launch instance after instance until the next one finds a tank too low.

    Parameters
    ----------
    supply, demand : mapping of str to int
        What the host has, and what one instance holds, by resource; both from `sim.model.density`. Something must be
        demanded of some resource.
    shared_bytes : int
        Memory that is taken once, before the first instance.
    step : int
        Instances from one point to the next, at least 1; halved whenever so many do not fit, so that the last point is
        the limit itself.

    Notes
    -----
    Each resource is a ``simpy.Container``, a tank that instances draw from and, being idle for ever, never refill.
    """
    env = simpy.Environment()
    process = env.process(_climb(env, supply, demand, shared_bytes, step))
    env.run()
    return cast("Ramp", process.value)


def _climb(
    env: simpy.Environment, supply: Mapping[str, int], demand: Mapping[str, int], shared_bytes: int, step: int
) -> Generator[simpy.Event, None, Ramp]:
    tanks = {name: simpy.Container(env, capacity=amount, init=amount) for name, amount in supply.items()}
    ramp = Ramp()
    if shared_bytes:
        yield tanks["memory"].get(shared_bytes)
    running, count = 0, 1
    while not ramp.ended_by:
        short = [name for name, tank in tanks.items() if demand[name] * count > tank.level]
        if not short:
            for name, tank in tanks.items():
                if demand[name]:
                    yield tank.get(demand[name] * count)
            running += count
            ramp.running.append(running)
            ramp.used_bytes.append(float(supply["memory"] - tanks["memory"].level))
            count = step if running == 1 else count
        elif count == 1:
            ramp.ended_by = short[0]
        else:
            count //= 2
    return ramp
