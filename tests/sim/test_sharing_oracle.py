from __future__ import annotations

import math
import random

import pytest
import simpy
from hypothesis import given
from hypothesis import strategies as st
from sharing_systems import Job, finish_times_by_force_s, finish_times_s, random_system, water_filling

from sim.errors import ParameterError
from sim.model.sharing import SharedCapacity
from sim.process.sharing import ProcessorSharing

works = st.floats(1e-3, 1e3)
jobs_of_any_kind = st.builds(
    Job, st.floats(0, 100), works, st.sampled_from([1.0, 2.0, 7.0]), st.sampled_from([0.3, 1.0, 2.0, math.inf])
)


def test_water_fills_capped_jobs_first_and_shares_the_rest_by_weight() -> None:
    jobs = [Job(0, 1, weight=1, cap=0.5), Job(0, 1, weight=1), Job(0, 1, weight=2)]
    assert water_filling(jobs, 2.0) == [0.5, 0.5, 1.0]


@pytest.mark.parametrize("seed", range(60))
def test_virtual_time_agrees_with_brute_force(seed: int) -> None:
    jobs, capacity = random_system(random.Random(seed))
    assert finish_times_s(jobs, capacity) == pytest.approx(finish_times_by_force_s(jobs, capacity), rel=1e-9, abs=1e-9)


def test_jobs_that_start_together_end_in_closed_form() -> None:
    luck = random.Random(1)
    works = [luck.expovariate(1.0) for _ in range(500)]
    # until job k ends, every other job has got the same as k, or all it wanted
    expected = [sum(min(work, other) for other in works) for work in works]
    assert finish_times_s([Job(0, work) for work in works], 1.0) == pytest.approx(expected, rel=1e-9)


def test_one_job_cannot_use_more_than_its_cap() -> None:
    assert finish_times_s([Job(0, 6.0, cap=2.0)], capacity=4.0) == [3.0]


def test_fewer_jobs_than_cores_do_not_slow_each_other() -> None:
    assert finish_times_s([Job(0, 2.0, cap=1.0)] * 4, capacity=4.0) == [2.0] * 4


def test_twice_as_many_jobs_as_cores_take_twice_as_long() -> None:
    assert finish_times_s([Job(0, 2.0, cap=1.0)] * 8, capacity=4.0) == [4.0] * 8


def test_weight_decides_who_gets_how_much() -> None:
    light, heavy = finish_times_s([Job(0, 1.0, weight=1), Job(0, 3.0, weight=3)], capacity=1.0)
    assert light == heavy == 4.0


def test_no_work_is_done_in_the_same_instant() -> None:
    assert finish_times_s([Job(2.0, 0.0), Job(0, 5.0)], capacity=1.0) == [2.0, 5.0]


@given(st.lists(jobs_of_any_kind, min_size=1, max_size=25), st.sampled_from([1.0, 4.0]))
def test_capacity_is_neither_lost_nor_invented(jobs: list[Job], capacity: float) -> None:
    # nothing may finish earlier than the work, the cap and the arrivals before it allow
    finished = finish_times_s(jobs, capacity)
    for job, end_s in zip(jobs, finished, strict=True):
        assert end_s >= job.arrival_s + job.work / min(job.cap, capacity) - 1e-9 * end_s
        done = sum(j.work for j, other_s in zip(jobs, finished, strict=True) if other_s <= end_s)
        assert done <= capacity * end_s * (1 + 1e-9)


@given(st.lists(st.tuples(st.floats(0, 50), works), min_size=1, max_size=25))
def test_an_uncapped_server_idles_only_when_it_is_empty(pairs: list[tuple[float, float]]) -> None:
    # the last completion of a work-conserving server is the same under any discipline, such as first come first served
    end_s = 0.0
    for arrival_s, work in sorted(pairs):
        end_s = max(end_s, arrival_s) + work
    assert max(finish_times_s([Job(*pair) for pair in pairs], 1.0)) == pytest.approx(end_s, rel=1e-9)


@given(st.lists(jobs_of_any_kind, min_size=1, max_size=15), jobs_of_any_kind)
def test_one_more_job_makes_nobody_faster(jobs: list[Job], extra: Job) -> None:
    before, after = finish_times_s(jobs, 4.0), finish_times_s([*jobs, extra], 4.0)
    assert all(late >= early * (1 - 1e-9) for early, late in zip(before, after, strict=False))


@given(st.lists(jobs_of_any_kind, min_size=1, max_size=15))
def test_more_capacity_makes_nobody_slower(jobs: list[Job]) -> None:
    small, large = finish_times_s(jobs, 2.0), finish_times_s(jobs, 3.0)
    assert all(fast <= slow * (1 + 1e-9) for slow, fast in zip(small, large, strict=True))


def test_a_clock_that_shows_hours_does_not_stand_still() -> None:
    # at 10^6 s one unit in the last place is 1e-10 s: a fixed epsilon re-arms the same instant for ever
    luck = random.Random(5)
    env = simpy.Environment(initial_time=1e6)
    shared = ProcessorSharing(env, 1.0)
    done = 0

    def count(_: simpy.Event) -> None:
        nonlocal done
        done += 1

    def arrivals():
        for _ in range(20_000):
            yield env.timeout(luck.expovariate(0.5))
            shared.submit(luck.lognormvariate(-0.5, 1.0)).callbacks.append(count)

    env.process(arrivals())
    while env.peek() < math.inf and shared.wake_ups < 100_000:
        env.step()
    assert done == 20_000
    assert shared.wake_ups < 1.8 * 20_000


def test_a_storm_needs_about_one_wake_up_a_job() -> None:
    luck = random.Random(2)
    env = simpy.Environment()
    shared = ProcessorSharing(env, 4.0)
    for _ in range(2000):
        shared.submit(luck.expovariate(1.0), cap=1.0)
    env.run()
    assert shared.wake_ups <= 1.4 * 2000


@pytest.mark.parametrize(
    ("work", "weight", "cap"),
    [(-1.0, 1.0, 1.0), (math.nan, 1.0, 1.0), (1.0, 0.0, 1.0), (1.0, 1.0, 0.0), (1.0, 1.0, math.nan), (math.inf, 1, 1)],
)
def test_a_job_out_of_range_is_refused(work: float, weight: float, cap: float) -> None:
    with pytest.raises(ParameterError, match="check job"):
        ProcessorSharing(simpy.Environment(), 1.0).submit(work, weight=weight, cap=cap)


@pytest.mark.parametrize("capacity", [0.0, -1.0, math.inf, math.nan])
def test_a_capacity_out_of_range_is_refused(capacity: float) -> None:
    with pytest.raises(ParameterError, match="capacity"):
        SharedCapacity(capacity)
