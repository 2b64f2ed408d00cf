"""The startup experiment: instances requested together on one host, again and again."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from typing import get_args

from sim.errors import ParameterError
from sim.model.density import require_fit
from sim.process.boot import draw_demands, run_boots
from sim.process.simulated_host import CacheState, SimulatedHost
from sim.record.document import Instance
from sim.seeds import stream
from sim.spec.host import Host
from sim.spec.ranges import require_count, require_number
from sim.spec.technology import Technology


def simulate_startup(
    technology: Technology,
    host: Host,
    *,
    concurrency: int,
    cache: CacheState,
    replications: int,
    seed: int,
    arrivals_s: Sequence[float] | None = None,
) -> tuple[Instance, ...]:
    """Start instances on an idle host and record their stages.

    Parameters
    ----------
    technology : Technology
        What is started.
    host : Host
        Where; every replication begins with a fresh one.
    concurrency : int
        Instances of one replication, at least 1.
    cache : {"cold", "warm"}
        Whether files must be read from disk. Shared files are read once, by the first instance that needs them.
    replications : int
        Independent repetitions, at least 1.
    seed : int
        At least 0. The same seed gives the same records, bit for bit.
    arrivals_s : sequence of float, optional
        Request times, seconds since the start of each replication, one for each instance; all 0 if not given.

    Returns
    -------
    tuple of Instance
        In order of replication, then of position: ``index // concurrency`` is the replication. ``start_s`` counts from
        the start of its replication.

    Raises
    ------
    ParameterError
        A value outside its range.
    ScenarioError
        More instances than the host can hold.

    Notes
    -----
    The luck of an instance depends on the seed, its replication and its position only: not on the technology (common
    random numbers) nor on how many others there are.
    """
    require_count("startup", "replications", replications, "replications")
    require_count("startup", "concurrency", concurrency, "instances")
    _require_cache(cache)
    requests_s = (0.0,) * concurrency if arrivals_s is None else _checked_arrivals(arrivals_s, concurrency)
    require_fit(technology, host, concurrency)
    return tuple(
        instance
        for replication in range(replications)
        for instance in _replicate(technology, SimulatedHost(host, cache), requests_s, replication, seed)
    )


def _require_cache(cache: str) -> None:
    known = get_args(CacheState)
    if cache not in known:
        near = difflib.get_close_matches(str(cache), known, n=1)
        guess = f"did you mean '{near[0]}'? " if near else ""
        raise ParameterError(f"simulate startup: cache is {cache!r}", f"{guess}known: {', '.join(known)}")


def _checked_arrivals(arrivals_s: Sequence[float], concurrency: int) -> tuple[float, ...]:
    if len(arrivals_s) != concurrency:
        raise ParameterError(
            f"simulate startup: {len(arrivals_s)} arrival times for {concurrency} instances",
            "give one arrival time for each instance",
        )
    return tuple(require_number("startup", "arrival time", arrival_s, "s", zero=True) for arrival_s in arrivals_s)


def _replicate(
    technology: Technology, host: SimulatedHost, requests_s: Sequence[float], replication: int, seed: int
) -> Iterator[Instance]:
    count = len(requests_s)
    demands = [
        draw_demands(technology.stages, stream(seed, "boot", replication, position)) for position in range(count)
    ]
    for position, stages in enumerate(run_boots(host, requests_s, demands)):
        yield Instance(
            experiment="startup",
            technology=technology.name,
            driver="simpy",
            provenance="simulated",
            index=replication * count + position,
            start_s=requests_s[position],
            duration_s=stages[-1].start_s + stages[-1].duration_s,
            stages=stages,
        )
