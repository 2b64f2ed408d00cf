"""What the shipped technologies promise: every number has a source, and sums that comments state hold."""

from __future__ import annotations

import itertools

import pytest

from sim.spec.expression import evaluate
from sim.spec.published import published_rows
from sim.spec.technology import MEMORY_CATEGORIES, Technology
from sim.spec.technology_file import load_technology, technology_names
from sim.units import MIB

SECOND = {row.id: row.quantity.value for row in published_rows().values() if row.quantity.dimension == "time"}
BYTES = {row.id: row.quantity.value for row in published_rows().values() if row.quantity.dimension == "memory"}


@pytest.fixture(params=technology_names())
def technology(request: pytest.FixtureRequest) -> Technology:
    return load_technology(request.param)


def test_the_four_boxes_are_there() -> None:
    assert {"process", "container", "microvm", "vm"} <= set(technology_names())


def test_every_parameter_has_a_source(technology: Technology) -> None:
    for parameter in technology.parameters():
        assert parameter.source
        assert parameter.is_assumption == ("assumption" in parameter.source)
        assert parameter.rows or parameter.is_assumption


def test_every_expression_resolves_to_the_value(technology: Technology) -> None:
    for parameter in technology.parameters():
        if parameter.rows:
            expression = parameter.source.split("; ")[0]
            assert evaluate(expression, published_rows()).value == parameter.value


def test_memory_is_counted_in_known_categories(technology: Technology) -> None:
    assert {*technology.memory_bytes, *technology.shared_bytes} <= set(MEMORY_CATEGORIES)
    assert "application" in technology.memory_bytes


def test_medians_are_positive_and_spreads_small(technology: Technology) -> None:
    for stage in technology.stages:
        for parameter in stage.demands.values():
            assert parameter.value > 0
            assert 0 <= parameter.spread < 0.5


def test_container_is_crun_with_its_network_namespace() -> None:
    assert load_technology("container").warm_startup_s() == pytest.approx(SECOND["P250"])


def test_microvm_is_firecracker_from_spawn_to_exit() -> None:
    assert load_technology("microvm").warm_startup_s() == pytest.approx(SECOND["P001"])


def test_microvm_kernel_is_the_preconfigured_start() -> None:
    stages = {stage.name: stage.warm_s() for stage in load_technology("microvm").stages}
    assert stages["vmm"] == pytest.approx(SECOND["P109"])
    assert stages["kernel"] == pytest.approx(SECOND["P002"])


def test_microvm_holds_what_the_vmm_process_has_resident() -> None:
    microvm = load_technology("microvm")
    box = microvm.private_bytes() - microvm.memory_bytes["application"].value
    assert box == pytest.approx(BYTES["P068"])


def test_vm_stages_add_up_to_their_rows() -> None:
    stages = {stage.name: stage.warm_s() for stage in load_technology("vm").stages}
    assert list(stages) == ["vmm", "firmware", "boot loader", "kernel", "initramfs", "init", "services"]
    assert stages["vmm"] == pytest.approx(SECOND["P395"])
    assert stages["firmware"] == pytest.approx(SECOND["P400"])
    assert stages["kernel"] == pytest.approx(SECOND["P398"])
    assert stages["init"] + stages["services"] == pytest.approx(SECOND["P409"])
    direct_boot_saves = SECOND["P335"] - SECOND["P336"] - (SECOND["P398"] - SECOND["P331"])
    assert stages["boot loader"] + stages["initramfs"] == pytest.approx(direct_boot_saves)


def test_vm_start_lies_between_a_tuned_guest_and_a_stock_cloud_image() -> None:
    assert SECOND["P339"] < load_technology("vm").warm_startup_s() < SECOND["P335"]


def test_vm_holds_about_what_an_idle_guest_was_seen_to_hold() -> None:
    total = load_technology("vm").private_bytes()
    assert BYTES["P089"] < total < 250 * MIB


def test_a_guest_shares_nothing_and_a_container_does() -> None:
    assert load_technology("vm").common_bytes() == load_technology("microvm").common_bytes() == 0
    assert load_technology("container").common_bytes() > 0


def test_the_boxes_stand_in_the_order_of_the_lecture() -> None:
    boxes = [load_technology(name) for name in ("process", "container", "microvm", "vm")]
    for lighter, heavier in itertools.pairwise(boxes):
        assert lighter.warm_startup_s() < heavier.warm_startup_s()
        assert lighter.private_bytes() < heavier.private_bytes()


def test_without_spread_only_the_spread_goes(technology: Technology) -> None:
    steady = technology.without_spread()
    assert steady.warm_startup_s() == technology.warm_startup_s()
    assert all(p.spread == 0 for stage in steady.stages for p in stage.demands.values())


def test_a_value_is_written_for_a_reader() -> None:
    microvm = load_technology("microvm")
    assert microvm.stages[0].demands["cpu_s"].value_text() == "8 ms"
    assert microvm.memory_bytes["vmm"].value_text() == "2.5 MiB"
    assert microvm.pids.value_text() == "3 pids"
