"""Running jobs on a shared capacity: once by the code under test, once by a slow method that cannot be wrong."""

from __future__ import annotations

import math
import random
from collections.abc import Generator
from typing import NamedTuple

import simpy

from sim.process.sharing import ProcessorSharing


class Job(NamedTuple):
    arrival_s: float
    work: float
    weight: float = 1.0
    cap: float = math.inf


def finish_times_s(jobs: list[Job], capacity: float, begin_s: float = 0.0) -> list[float]:
    """By the simulator."""
    env = simpy.Environment(initial_time=begin_s)
    shared = ProcessorSharing(env, capacity)
    finished = [math.nan] * len(jobs)

    def live(index: int, job: Job) -> Generator[simpy.Event]:
        yield env.timeout(job.arrival_s)
        yield shared.submit(job.work, weight=job.weight, cap=job.cap)
        finished[index] = env.now

    for index, job in enumerate(jobs):
        env.process(live(index, job))
    env.run()
    return finished


def water_filling(jobs: list[Job], capacity: float) -> list[float]:
    """Rates by definition: give by weight, fix whoever is over its cap, give the rest again."""
    rates: dict[int, float] = {}
    while len(rates) < len(jobs):
        left = capacity - sum(rates.values())
        waiting = [index for index in range(len(jobs)) if index not in rates]
        weights = sum(jobs[index].weight for index in waiting)
        capped = [i for i in waiting if jobs[i].cap < left * jobs[i].weight / weights]
        for index in capped:
            rates[index] = jobs[index].cap
        if not capped:
            rates |= {index: left * jobs[index].weight / weights for index in waiting}
    return [rates[index] for index in range(len(jobs))]


def finish_times_by_force_s(jobs: list[Job], capacity: float) -> list[float]:
    """By stepping from event to event, with every job's remaining work in a list."""
    left = [job.work for job in jobs]
    finished = [math.nan] * len(jobs)
    now_s = 0.0
    while any(math.isnan(time_s) for time_s in finished):
        alive = [i for i, job in enumerate(jobs) if math.isnan(finished[i]) and job.arrival_s <= now_s]
        rates = dict(zip(alive, water_filling([jobs[i] for i in alive], capacity), strict=True))
        ends_s = {i: now_s + left[i] / rates[i] for i in alive}
        arrivals_s = [job.arrival_s for job in jobs if job.arrival_s > now_s]
        then_s = min([*ends_s.values(), *arrivals_s])
        for i in alive:
            left[i] -= rates[i] * (then_s - now_s)
            if ends_s[i] == then_s:
                finished[i] = then_s
        now_s = then_s
    return finished


def random_system(luck: random.Random) -> tuple[list[Job], float]:
    """Up to six classes of jobs on 1, 4 or 16 cores."""
    classes = [
        (luck.choice([1.0, 2.0, 5.0]), luck.choice([0.5, 1.0, 3.0, math.inf])) for _ in range(luck.randint(1, 6))
    ]
    jobs = [Job(luck.uniform(0, 10), luck.expovariate(1.0), *luck.choice(classes)) for _ in range(luck.randint(1, 40))]
    return jobs, luck.choice([1.0, 4.0, 16.0])
