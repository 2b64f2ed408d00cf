from __future__ import annotations

import csv
import math
import statistics
from collections.abc import Sequence
from dataclasses import replace

import pytest

from sim.datafiles import data_path
from sim.experiment.startup import simulate_startup
from sim.process.simulated_host import CacheState
from sim.record.document import Instance
from sim.spec.host import Host
from sim.spec.technology import Technology
from sim.spec.technology_file import load_technology, technology_names

LARGE = 2**42


@pytest.fixture(params=technology_names())
def technology(request: pytest.FixtureRequest) -> Technology:
    return load_technology(request.param)


def start(
    technology: Technology,
    host: Host,
    *,
    concurrency: int = 1,
    cache: CacheState = "warm",
    replications: int = 1,
    seed: int = 1,
    arrivals_s: Sequence[float] | None = None,
) -> tuple[Instance, ...]:
    return simulate_startup(
        technology,
        host,
        concurrency=concurrency,
        cache=cache,
        replications=replications,
        seed=seed,
        arrivals_s=arrivals_s,
    )


def median_s(instances: Sequence[Instance]) -> float:
    return statistics.median(instance.duration_s for instance in instances)


def test_alone_and_without_spread_a_start_is_the_sum_of_its_stages(technology: Technology, host: Host) -> None:
    (instance,) = start(technology.without_spread(), host)
    assert instance.duration_s == pytest.approx(technology.warm_startup_s(), rel=1e-12)
    assert [s.duration_s for s in instance.stages] == pytest.approx([s.warm_s() for s in technology.stages], rel=1e-9)


def test_alone_and_cold_a_start_adds_its_reads(technology: Technology, host: Host) -> None:
    (instance,) = start(technology.without_spread(), host, cache="cold")
    size_bytes = sum(p.value for stage in technology.stages for kind, p in stage.demands.items() if "disk" in kind)
    expected_s = technology.warm_startup_s() + size_bytes / host.disk_bandwidth_bytes_per_s
    assert instance.duration_s == pytest.approx(expected_s, rel=1e-12)


def test_records_say_that_they_are_simulated(technology: Technology, host: Host) -> None:
    (instance,) = start(technology, host)
    assert (instance.experiment, instance.technology) == ("startup", technology.name)
    assert (instance.driver, instance.provenance) == ("simpy", "simulated")


def test_stages_follow_each_other_without_a_gap(technology: Technology, host: Host) -> None:
    for instance in start(technology, host, concurrency=20, cache="cold"):
        clock_s = 0.0
        for stage in instance.stages:
            assert stage.start_s == pytest.approx(clock_s)
            clock_s = stage.start_s + stage.duration_s
        assert instance.duration_s == clock_s


def test_an_index_tells_replication_and_position(host: Host) -> None:
    instances = start(load_technology("container"), host, concurrency=3, replications=4)
    assert [instance.index for instance in instances] == list(range(12))


def test_the_same_seed_gives_the_same_trace_bit_for_bit(technology: Technology, host: Host) -> None:
    first = start(technology, host, concurrency=10, replications=2, cache="cold", seed=5)
    assert first == start(technology, host, concurrency=10, replications=2, cache="cold", seed=5)
    assert first != start(technology, host, concurrency=10, replications=2, cache="cold", seed=6)


def test_replications_are_of_their_own(technology: Technology, host: Host) -> None:
    two = start(technology, host, concurrency=4, replications=2)
    three = start(technology, host, concurrency=4, replications=3)
    assert two == three[:8]
    assert len({instance.duration_s for instance in three}) == 12


def test_one_more_instance_moves_no_draw_of_the_others(host: Host) -> None:
    # with more cores than instances nobody waits for anybody, so equal draws are equal starts
    idle = replace(host, cores=64)
    microvm = load_technology("microvm")
    few, more = start(microvm, idle, concurrency=10), start(microvm, idle, concurrency=11)
    assert [i.duration_s for i in few] == pytest.approx([i.duration_s for i in more[:10]], rel=1e-12)


def test_technologies_meet_the_same_luck(host: Host) -> None:
    def luck(name: str) -> list[float]:
        work = load_technology(name).stages[0].demands["cpu_s"]
        durations_s = [i.stages[0].duration_s for i in start(load_technology(name), host, replications=20)]
        return [math.log(duration_s / work.value) / work.spread for duration_s in durations_s]

    assert luck("process") == pytest.approx(luck("container"))


def test_spread_has_the_width_of_its_row(host: Host) -> None:
    microvm = load_technology("microvm")
    kernels = sorted(i.stages[2].duration_s for i in start(microvm, host, replications=500))
    # P002: p10 109, p50 110, p90 113 ms
    assert kernels[50] == pytest.approx(0.1080, abs=0.0005)
    assert kernels[250] == pytest.approx(0.1100, abs=0.0005)
    assert kernels[450] == pytest.approx(0.1120, abs=0.0005)


def test_starts_in_excess_of_cores_slow_each_other(technology: Technology, host: Host) -> None:
    medians = [median_s(start(technology, host, concurrency=n, replications=3)) for n in (1, 4, 16, 48)]
    assert medians[1] == pytest.approx(medians[0], rel=0.2)
    assert medians[1] < medians[2] < medians[3]


def test_a_storm_of_work_alone_ends_when_the_work_is_done(host: Host) -> None:
    container = load_technology("container").without_spread()
    assert max(i.duration_s for i in start(container, host, concurrency=100)) == pytest.approx(100 * 0.005 / 4)


def test_waiting_is_not_slowed_by_others(host: Host) -> None:
    microvm = load_technology("microvm").without_spread()
    crowded = start(microvm, host, concurrency=80)
    work_s = sum(stage.demands["cpu_s"].value for stage in microvm.stages)
    # every wait overlaps with the others' work, except at the end
    assert max(i.duration_s for i in crowded) < 80 * work_s / 4 + microvm.warm_startup_s()


def test_cold_is_never_faster_than_warm(technology: Technology, host: Host) -> None:
    steady = technology.without_spread()
    warm, cold = (start(steady, host, concurrency=8, cache=cache) for cache in ("warm", "cold"))
    assert all(c.duration_s > w.duration_s for w, c in zip(warm, cold, strict=True))


def test_the_image_of_a_container_is_read_once_and_the_disk_of_a_vm_every_time(host: Host) -> None:
    slow_disk = replace(host, disk_bandwidth_bytes_per_s=10e6, cores=64)
    extra_s = {}
    for name in ("container", "vm"):
        steady = load_technology(name).without_spread()
        one, ten = (median_s(start(steady, slow_disk, concurrency=n, cache="cold")) for n in (1, 10))
        extra_s[name] = ten - one
    vm_disk_bytes = sum(
        s.demands["disk_bytes"].value for s in load_technology("vm").stages if "disk_bytes" in s.demands
    )
    assert extra_s["container"] == pytest.approx(0, abs=1e-9)
    assert extra_s["vm"] == pytest.approx(9 * vm_disk_bytes / 10e6, rel=1e-6)


def test_who_comes_while_the_image_is_being_read_waits_for_it(host: Host) -> None:
    container = load_technology("container").without_spread()
    slow_disk = replace(host, disk_bandwidth_bytes_per_s=1e6, cores=64)
    first, second, late = start(container, slow_disk, concurrency=3, cache="cold", arrivals_s=[0.0, 1.0, 100.0])
    assert second.start_s + second.duration_s == pytest.approx(first.duration_s, abs=0.01)
    assert late.duration_s == pytest.approx(container.warm_startup_s(), rel=1e-6)


def test_starts_far_apart_do_not_meet(host: Host) -> None:
    vm = load_technology("vm").without_spread()
    instances = start(vm, host, concurrency=5, arrivals_s=[0, 100, 200, 300, 400])
    assert [i.start_s for i in instances] == [0, 100, 200, 300, 400]
    assert [i.duration_s for i in instances] == pytest.approx([vm.warm_startup_s()] * 5)


def test_a_storm_of_a_thousand_is_simulated_in_one_piece(host: Host) -> None:
    instances = start(load_technology("vm"), replace(host, memory_bytes=LARGE), concurrency=1000, cache="cold")
    assert len(instances) == 1000
    assert median_s(instances) > 100


def test_one_firecracker_varies_as_much_as_it_was_seen_to(host: Host) -> None:
    # P001: p10 156.7, p50 160.9, p90 167.8 ms
    durations_s = sorted(i.duration_s for i in start(load_technology("microvm"), host, replications=1000))
    assert durations_s[100] == pytest.approx(0.1567, abs=0.0015)
    assert durations_s[500] == pytest.approx(0.1609, abs=0.0015)
    assert durations_s[900] == pytest.approx(0.1678, abs=0.0015)


def test_ten_firecrackers_on_48_cores_start_as_they_were_seen_to(host: Host) -> None:
    # boot_quantiles.csv, fc-api:wall at concurrency 10 on m5d.metal; the parameters were taken from concurrency 1
    with data_path("published", "boot_quantiles.csv").open(newline="", encoding="utf-8") as lines:
        (seen,) = (
            row
            for row in csv.DictReader(lines)
            if (row["platform"], row["series"], row["concurrency"]) == ("m5d.metal", "fc-api:wall", "10")
        )
    instances = start(load_technology("microvm"), replace(host, cores=48), concurrency=10, replications=50)
    assert median_s(instances) == pytest.approx(float(seen["p50"]) / 1000, rel=0.05)
