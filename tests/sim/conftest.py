from __future__ import annotations

import pytest

from sim.spec.host import Host
from sim.units import GIB


@pytest.fixture
def host() -> Host:
    return Host(
        cores=4,
        memory_bytes=16 * GIB,
        reserved_bytes=GIB,
        disk_bandwidth_bytes_per_s=500e6,
        pid_max=4_194_304,
    )
