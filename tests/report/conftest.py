"""Records as one comparison gives them, made by hand: real containers beside simulated machines."""

from __future__ import annotations

import random

import pytest

from sim.record.document import Density, Instance, Machine, Provenance, Records, Stage

MIB = 1024.0**2
GIB = 1024.0**3

STAGES: dict[str, dict[str, float]] = {
    "process": {"fork": 0.0002, "exec": 0.0004},
    "container": {
        "request": 0.0002,
        "clone": 0.0006,
        "mount rootfs": 0.0009,
        "pivot root": 0.0002,
        "cgroup": 0.0003,
        "capabilities": 0.00005,
        "seccomp": 0.00015,
        "hostname": 0.00001,
        "exec": 0.0006,
    },
    "microvm": {"vmm start": 0.012, "guest kernel": 0.118, "init": 0.030},
    "vm": {
        "vmm start": 0.15,
        "firmware": 0.62,
        "boot loader": 0.48,
        "guest kernel": 0.95,
        "initramfs": 0.55,
        "services": 1.75,
    },
}
MEMORY_MIB: dict[str, dict[str, float]] = {
    "process": {"application": 0.45, "shared libraries": 0.12, "kernel objects": 0.06},
    "container": {
        "application": 0.46,
        "shared libraries": 0.31,
        "page cache": 0.08,
        "kernel objects": 0.15,
        "engine": 0.10,
    },
    "microvm": {"application": 0.6, "vmm": 4.0, "kernel objects": 0.4, "guest kernel": 45.0, "guest userspace": 80.0},
    "vm": {
        "application": 0.6,
        "shared libraries": 1.9,
        "page cache": 38.0,
        "kernel objects": 0.5,
        "vmm": 31.0,
        "guest kernel": 42.0,
        "guest userspace": 66.0,
    },
}
DRIVERS: dict[str, tuple[str, Provenance]] = {
    "process": ("subprocess", "measured"),
    "container": ("tare (zygote)", "measured"),
    "microvm": ("simpy", "simulated"),
    "vm": ("simpy", "simulated"),
}


def launches(technology: str, draw: random.Random, samples: int = 40) -> list[Instance]:
    """Launches whose stages follow one another, each lognormal about its usual length."""
    driver, provenance = DRIVERS[technology]
    found = []
    for index in range(samples):
        stages: list[Stage] = []
        now_s = 0.0
        for name, usual_s in STAGES[technology].items():
            length_s = usual_s * draw.lognormvariate(0, 0.12)
            stages.append(Stage(name, now_s, length_s))
            now_s += length_s
        found.append(Instance("startup", technology, driver, provenance, index, 10.0 * index, now_s, tuple(stages)))
    return found


def weights(technology: str, draw: random.Random, samples: int = 40) -> list[Instance]:
    """Instances alive together, each with its memory by category."""
    driver, provenance = DRIVERS[technology]
    usual = MEMORY_MIB[technology]
    return [
        Instance(
            "memory",
            technology,
            driver,
            provenance,
            index,
            0.0,
            0.0,
            memory_bytes={name: mib * MIB * draw.uniform(0.97, 1.03) for name, mib in usual.items()},
        )
        for index in range(samples)
    ]


def ramp(technology: str, counts: tuple[int, ...], limit: int, ended_by: str, projected: bool) -> Density:
    """A ramp that costs the usual memory at every step."""
    driver, provenance = DRIVERS[technology]
    each = sum(MEMORY_MIB[technology].values()) * MIB
    return Density(technology, driver, provenance, counts, tuple(n * each for n in counts), limit, ended_by, projected)


@pytest.fixture(scope="session")
def machine() -> Machine:
    return Machine("Debian 12", "6.18.0", "x86_64", "Example CPU @ 2.50GHz", 2, int(4 * GIB), "v1", "root", 0.12)


@pytest.fixture(scope="session")
def records(machine: Machine) -> Records:
    draw = random.Random(20261123)
    instances = [i for name in STAGES for i in (*launches(name, draw), *weights(name, draw))]
    densities = (
        ramp("process", (0, 1, 10, 100, 1000), 5400, "pids", True),
        ramp("container", (1, 10, 50, 200, 500), 3391, "memory", True),
        ramp("microvm", (1, 5, 10, 20, 28), 28, "memory", False),
        ramp("vm", (1, 5, 10, 15, 20), 20, "memory", False),
    )
    return Records(
        created="2026-11-23T20:00:00Z",
        command=("tare", "compare", "--samples", "40"),
        versions={"tare": "0.1.0", "python": "3.11.7"},
        seed=7,
        machine=machine,
        instances=tuple(instances),
        densities=densities,
        notes=("KVM is not used: virtual machines are simulated",),
    )
