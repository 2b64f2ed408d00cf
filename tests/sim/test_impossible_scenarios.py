"""What cannot be is refused before anything runs, and the error says what to type next."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest

from sim.errors import ParameterError, ScenarioError
from sim.experiment.density import simulate_density
from sim.experiment.memory import simulate_memory
from sim.experiment.startup import simulate_startup
from sim.spec.host import Host
from sim.spec.technology_file import load_technology
from sim.units import GIB, MIB


def start(host: Host, name: str = "container", **changes: Any) -> None:
    arguments = {"concurrency": 2, "cache": "warm", "replications": 1, "seed": 1, **changes}
    simulate_startup(load_technology(name), host, **arguments)


@pytest.mark.parametrize("field", ["cores", "memory_bytes", "reserved_bytes", "disk_bandwidth_bytes_per_s", "pid_max"])
@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf, True, "4"])
def test_a_host_has_sizes_that_exist(host: Host, field: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=f"'{field}' is ") as caught:
        replace(host, **{field: value})
    assert field in caught.value.hint


def test_a_host_needs_memory_beside_what_it_reserves(host: Host) -> None:
    with pytest.raises(ParameterError, match=r"'reserved_bytes' is .* not less than 'memory_bytes'"):
        replace(host, reserved_bytes=host.memory_bytes)


def test_a_parameter_error_is_a_value_error_too(host: Host) -> None:
    with pytest.raises(ValueError, match="cores"):
        replace(host, cores=0)


@pytest.mark.parametrize("name", ["concurrency", "replications"])
@pytest.mark.parametrize("value", [0, -3, 1.5, True, None])
def test_counts_are_integers_from_one(host: Host, name: str, value: Any) -> None:
    with pytest.raises(ParameterError, match=f"'{name}' is"):
        start(host, **{name: value})


def test_a_negative_seed_is_refused(host: Host) -> None:
    with pytest.raises(ParameterError, match="seed"):
        start(host, seed=-1)


def test_an_unknown_cache_word_gets_a_hint(host: Host) -> None:
    with pytest.raises(ParameterError, match="cache is 'warn'") as caught:
        start(host, cache="warn")
    assert caught.value.hint == "did you mean 'warm'? known: cold, warm"


@pytest.mark.parametrize("arrivals_s", [[0.0], [0.0, -1.0], [0.0, math.nan], [0.0, math.inf]])
def test_arrivals_are_one_time_each(host: Host, arrivals_s: list[float]) -> None:
    with pytest.raises(ParameterError, match="arrival time"):
        start(host, arrivals_s=arrivals_s)


def test_a_guest_larger_than_the_host_does_not_start(host: Host) -> None:
    small = replace(host, memory_bytes=GIB + 400 * MIB)
    with pytest.raises(ScenarioError, match=r"configured with 512\.0 MiB, the host has 400\.0 MiB") as caught:
        start(small, "vm", concurrency=1)
    assert "more memory" in caught.value.hint


def test_more_guests_than_fit_do_not_start(host: Host) -> None:
    with pytest.raises(ScenarioError, match="place 66 'vm' on the host: its memory is enough for") as caught:
        start(host, "vm", concurrency=66)
    assert "at most 6" in caught.value.hint


def test_memory_of_more_than_fit_is_not_told(host: Host) -> None:
    with pytest.raises(ScenarioError, match="memory"):
        simulate_memory(load_technology("vm"), host, count=1000)
    with pytest.raises(ParameterError, match="'count' is 0"):
        simulate_memory(load_technology("vm"), host, count=0)


def test_a_host_that_holds_not_one_has_no_density(host: Host) -> None:
    with pytest.raises(ScenarioError, match="place 1 'container'"):
        simulate_density(load_technology("container"), replace(host, memory_bytes=GIB + 3 * MIB))
