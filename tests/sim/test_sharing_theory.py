"""The simulator against queueing theory; tolerances are four standard errors over independent replications."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Callable

import pytest
from sharing_systems import Job, finish_times_s

from sim.errors import ParameterError
from sim.model.queueing import erlang_c, mmc_mean_sojourn_s
from sim.seeds import stream

REPLICATIONS = 10

# laws of mean 1 with squared coefficients of variation 0, 1, 1.7 and 5
LAWS: dict[str, Callable[[random.Random], float]] = {
    "deterministic": lambda luck: 1.0,
    "exponential": lambda luck: luck.expovariate(1.0),
    "lognormal": lambda luck: luck.lognormvariate(-0.5, 1.0),
    "hyperexponential": lambda luck: luck.expovariate(0.2 if luck.random() < 1 / 9 else 2.0),
}


def open_system(law: str, cores: int, load: float, count: int, replication: int) -> list[Job]:
    arrivals, works = stream(11, "arrivals", replication), stream(11, "works", law, replication)
    now_s, jobs = 0.0, []
    for _ in range(count):
        now_s += arrivals.expovariate(load * cores)
        jobs.append(Job(now_s, LAWS[law](works), cap=1.0))
    return jobs


def mean_sojourns_s(law: str, cores: int, load: float, count: int) -> list[float]:
    """One mean a replication, the first fifth left out."""
    means = []
    for replication in range(REPLICATIONS):
        jobs = open_system(law, cores, load, count, replication)
        finished = finish_times_s(jobs, cores)
        sojourns = [end_s - job.arrival_s for job, end_s in zip(jobs, finished, strict=True)]
        means.append(statistics.fmean(sojourns[count // 5 :]))
    return means


def assert_agrees(means: list[float], expected: float) -> None:
    error = statistics.stdev(means) / math.sqrt(len(means))
    assert error < 0.03 * expected, "too few jobs to tell anything"
    assert abs(statistics.fmean(means) - expected) < 4 * error


@pytest.mark.parametrize("law", LAWS)
def test_laws_have_mean_one(law: str) -> None:
    luck = random.Random(3)
    assert statistics.fmean(LAWS[law](luck) for _ in range(200_000)) == pytest.approx(1.0, rel=0.03)


@pytest.mark.parametrize("law", ["deterministic", "exponential", "lognormal"])
def test_one_core_is_insensitive_to_the_law_of_work(law: str) -> None:
    # M/G/1-PS: mean sojourn 1 / (1 - load), whatever the law
    assert_agrees(mean_sojourns_s(law, cores=1, load=0.5, count=4000), 1 / (1 - 0.5))


@pytest.mark.parametrize("law", LAWS)
def test_capped_jobs_on_four_cores_agree_with_erlang_c(law: str) -> None:
    assert_agrees(mean_sojourns_s(law, cores=4, load=0.7, count=10_000), mmc_mean_sojourn_s(4, 0.7 * 4, 1.0))


def test_littles_law_holds_exactly_over_a_busy_period() -> None:
    jobs = open_system("lognormal", cores=4, load=0.9, count=2000, replication=0)
    finished = finish_times_s(jobs, 4.0)
    changes = sorted([(job.arrival_s, 1) for job in jobs] + [(end_s, -1) for end_s in finished])
    area = alive = 0.0
    last_s = 0.0
    for time_s, change in changes:
        area += alive * (time_s - last_s)
        alive, last_s = alive + change, time_s
    mean_alive, throughput_per_s = area / last_s, len(jobs) / last_s
    mean_sojourn_s = statistics.fmean(end_s - job.arrival_s for job, end_s in zip(jobs, finished, strict=True))
    assert mean_alive == pytest.approx(throughput_per_s * mean_sojourn_s, rel=1e-9)


def test_erlang_c_agrees_with_its_sum() -> None:
    servers, load = 4, 2.8
    tail = load**servers / math.factorial(servers) * servers / (servers - load)
    direct = tail / (sum(load**k / math.factorial(k) for k in range(servers)) + tail)
    assert erlang_c(servers, load) == pytest.approx(direct, rel=1e-12)


def test_one_server_waits_with_probability_of_its_load() -> None:
    assert erlang_c(1, 0.3) == pytest.approx(0.3)
    assert mmc_mean_sojourn_s(1, 0.5, 1.0) == pytest.approx(2.0)


@pytest.mark.parametrize(("servers", "load"), [(0, 0.5), (2, 2.0), (2, -0.1), (2, math.nan)])
def test_a_queue_without_a_steady_state_is_refused(servers: int, load: float) -> None:
    with pytest.raises(ParameterError, match="check queue"):
        erlang_c(servers, load)
