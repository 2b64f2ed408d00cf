from __future__ import annotations

from dataclasses import replace

import pytest

from sim.experiment.density import simulate_density
from sim.experiment.memory import simulate_memory
from sim.model.density import density_limits
from sim.spec.host import Host
from sim.spec.technology import MEMORY_CATEGORIES, Technology
from sim.spec.technology_file import load_technology, technology_names
from sim.units import GIB


@pytest.fixture(params=technology_names())
def technology(request: pytest.FixtureRequest) -> Technology:
    return load_technology(request.param)


def test_one_instance_pays_for_everything(technology: Technology, host: Host) -> None:
    (instance,) = simulate_memory(technology, host, count=1)
    assert sum(instance.memory_bytes.values()) == pytest.approx(technology.private_bytes() + technology.common_bytes())


def test_what_is_shared_is_divided_and_adds_up(technology: Technology, host: Host) -> None:
    instances = simulate_memory(technology, host, count=40)
    total = sum(sum(instance.memory_bytes.values()) for instance in instances)
    assert total == pytest.approx(40 * technology.private_bytes() + technology.common_bytes())
    assert [instance.index for instance in instances] == list(range(40))


def test_memory_is_told_by_category_in_one_order(technology: Technology, host: Host) -> None:
    (instance,) = simulate_memory(technology, host, count=1)
    assert (instance.experiment, instance.provenance) == ("memory", "simulated")
    assert list(instance.memory_bytes) == [name for name in MEMORY_CATEGORIES if name in instance.memory_bytes]
    assert all(size > 0 for size in instance.memory_bytes.values())


def test_sharing_makes_containers_lighter_and_guests_not(host: Host) -> None:
    def each_bytes(name: str, count: int) -> float:
        return sum(simulate_memory(load_technology(name), host, count=count)[0].memory_bytes.values())

    assert each_bytes("container", 50) < 0.3 * each_bytes("container", 1)
    assert each_bytes("vm", 50) == each_bytes("vm", 1)


def test_the_ramp_ends_where_the_formula_says(technology: Technology, host: Host) -> None:
    density = simulate_density(technology, host)
    limits = density_limits(technology, host)
    assert density.limit == min(limits.values())
    assert limits[density.ended_by] == density.limit
    assert not density.projected


def test_the_ramp_is_a_straight_line_above_what_is_shared(technology: Technology, host: Host) -> None:
    density = simulate_density(technology, host)
    assert density.running[0] == 1
    assert density.running[-1] == density.limit
    assert list(density.running) == sorted(set(density.running))
    line = [technology.common_bytes() + n * technology.private_bytes() for n in density.running]
    assert density.used_bytes == pytest.approx(line, rel=1e-6)
    assert density.used_bytes[-1] <= host.available_bytes


def test_a_curve_has_enough_points_and_not_too_many(host: Host) -> None:
    assert 50 <= len(simulate_density(load_technology("container"), host).running) <= 70


def test_guests_fill_memory_first(host: Host) -> None:
    density = simulate_density(load_technology("vm"), host)
    assert density.ended_by == "memory"
    assert density.limit == 15 * GIB // (load_technology("vm").private_bytes())


def test_a_host_with_few_process_ids_ends_by_pids(host: Host) -> None:
    density = simulate_density(load_technology("container"), replace(host, pid_max=1300))
    assert (density.limit, density.ended_by) == (500, "pids")


def test_a_host_with_much_memory_ends_by_cpu(host: Host) -> None:
    density = simulate_density(load_technology("vm"), replace(host, memory_bytes=2**42))
    # 0.003 cores each on 4 cores
    assert (density.limit, density.ended_by) == (1333, "cpu")


def test_more_memory_never_holds_fewer(technology: Technology, host: Host) -> None:
    limits = [simulate_density(technology, replace(host, memory_bytes=n * GIB)).limit for n in (2, 3, 4, 8)]
    assert limits == sorted(limits)


def test_a_million_instances_take_no_more_steps_than_a_hundred(host: Host) -> None:
    density = simulate_density(load_technology("process"), replace(host, memory_bytes=2**40))
    assert density.limit > 1_000_000
    assert len(density.running) <= 70
