"""A technology file of one's own, and everything that can be wrong with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.errors import TechnologyError
from sim.spec.technology import Technology
from sim.spec.technology_file import load_technology, load_technology_file

GOOD = """
title = "sandbox"
description = "A box of one's own."

[[stage]]
name = "start"
cores = 2
cpu_s = { from = "P001 / 2", spread = "P001" }

[memory_bytes]
vmm = { value = 2, unit = "MiB", assumed = "a guess" }

[shared_bytes]

[idle_cpu_cores]
value = 0.5
unit = "cores"
assumed = "busy waiting"

[pids]
value = 2
unit = "pids"
assumed = "two threads"
"""


def load(folder: Path, text: str) -> Technology:
    path = folder / "sandbox.toml"
    path.write_text(text, encoding="utf-8")
    return load_technology_file(path)


def test_a_file_becomes_a_technology(tmp_path: Path) -> None:
    sandbox = load(tmp_path, GOOD)
    assert sandbox.name == "sandbox"
    assert sandbox.warm_startup_s() == pytest.approx(0.1609 / 4)
    assert sandbox.private_bytes() == 2 * 2**20
    assert sandbox.guest_memory_bytes is None


def test_sources_are_kept_in_words(tmp_path: Path) -> None:
    cpu, vmm, *_ = load(tmp_path, GOOD).parameters()
    assert (cpu.source, cpu.rows, cpu.is_assumption) == ("P001 / 2; spread of P001", ("P001",), False)
    assert (vmm.source, vmm.rows, vmm.is_assumption) == ("assumption: a guess", (), True)
    assert cpu.spread == pytest.approx(0.0267, abs=1e-4)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("P001 / 2", "P999 / 2", "no published row 'P999'"),
        ("P001 / 2", "P068", "is of kind 'memory', not in s"),
        ("P001 / 2", "P002 - P001", "-0.0509"),
        ('spread = "P001"', 'spread = "P109"', "row 'P109' states no quantiles"),
        ('spread = "P001"', "spread = -1", "spread is -1"),
        ('from = "P001 / 2", ', "", "needs 'from' or 'value'"),
        ('value = 2, unit = "MiB", assumed = "a guess"', 'value = 2, unit = "MiB"', "without a source"),
        ('value = 2, unit = "MiB"', 'value = 2, unit = "MiBs"', "unit is 'MiBs'"),
        ('value = 2, unit = "MiB"', 'value = "2", unit = "MiB"', "value is '2'"),
        ('value = 2, unit = "MiB"', 'value = -2, unit = "MiB"', "finite and 0 or more|'memory: vmm' is -"),
        ('value = 2, unit = "MiB"', 'value = inf, unit = "MiB"', "'memory: vmm' is inf"),
        ("vmm =", "vmmm =", "unknown key 'vmmm'"),
        ("cores = 2", "cores = 0", "'cores' is 0"),
        ("cpu_s =", "cpu =", "unknown key 'cpu'"),
        ('cores = 2\ncpu_s = { from = "P001 / 2", spread = "P001" }', "", "demands nothing"),
        ("[shared_bytes]", "", "no 'shared_bytes'"),
        ("[[stage]]", '[[stage]]\nname = "start"\nwait_s = { from = "P001" }\n[[stage]]', "two stages have one name"),
        ('title = "sandbox"', "title = 5", "title is 5"),
        ('unit = "pids"\n', 'unit = "ms"\n', "is of kind 'time', not in pids"),
        ("value = 2\nunit", "value = 0\nunit", "parameter 'pids' is 0"),
        ('title = "sandbox"', "title =", "not TOML"),
    ],
)
def test_a_faulty_file_is_refused_with_its_name_and_reason(tmp_path: Path, old: str, new: str, reason: str) -> None:
    assert old in GOOD
    with pytest.raises(TechnologyError, match=reason) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert "sandbox.toml" in caught.value.message
    assert caught.value.hint


def test_a_misspelt_key_gets_a_hint(tmp_path: Path) -> None:
    with pytest.raises(TechnologyError) as caught:
        load(tmp_path, GOOD.replace("cpu_s =", "cpus_s ="))
    assert caught.value.hint == "did you mean 'cpu_s'?"


def test_an_unknown_technology_gets_the_nearest_name_and_all_names() -> None:
    with pytest.raises(TechnologyError, match="'contaner': unknown") as caught:
        load_technology("contaner")
    assert caught.value.hint.startswith("did you mean 'container'? known: ")
    assert "microvm" in caught.value.hint


def test_a_path_is_not_taken_for_a_name() -> None:
    with pytest.raises(TechnologyError, match="unknown"):
        load_technology("../technologies/vm")


def test_an_absent_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TechnologyError, match="No such file"):
        load_technology_file(tmp_path / "absent.toml")
