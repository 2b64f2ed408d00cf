"""From samples to the record document that ``data/schema/records-1.schema.json`` fixes.

The benchmark and the simulator share a file format, not code: these functions make plain JSON values.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from runtime.bench.drivers.driver import Driver, Sample
from runtime.bench.machine import describe_machine, describe_versions

NS = 1e-9


def startup_instances(driver: Driver, samples: Sequence[Sample]) -> list[dict[str, Any]]:
    """Records of timed launches."""
    return [
        {
            "experiment": "startup",
            "technology": driver.technology,
            "driver": driver.name,
            "provenance": "measured",
            "index": index,
            "start_s": 0.0,  # one at a time: each is an experiment of its own
            "duration_s": sample.duration_ns * NS,
            "stages": [
                {"name": stage.name, "start_s": stage.start_ns * NS, "duration_s": stage.duration_ns * NS}
                for stage in sample.stages
            ],
            "memory_bytes": {},
        }
        for index, sample in enumerate(samples)
    ]


def document(
    instances: Sequence[dict[str, Any]], densities: Sequence[dict[str, Any]], seed: int, notes: Sequence[str]
) -> dict[str, Any]:
    """A whole record document of this machine, now."""
    return {
        "schema": "tare-records/1",
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": ["tare", *sys.argv[1:]],
        "versions": describe_versions(),
        "seed": seed,
        "notes": list(notes),
        "machine": describe_machine(),
        "instances": list(instances),
        "densities": list(densities),
    }
