"""Reading what the host is: mount tables as they are met in the wild."""

from __future__ import annotations

import pytest

from runtime.kernel.host import parse_cgroup_mounts

V2 = "30 24 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate"
V1 = """31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd"""
HYBRID = V1 + "\n41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw"
PARTIAL = "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory"


@pytest.mark.parametrize(
    ("mountinfo", "controllers", "mode", "mounts"),
    [
        (V2, "cpuset cpu io memory pids", "v2", dict.fromkeys(("cpu", "memory", "pids"), "/sys/fs/cgroup")),
        (V1, "", "v1", {"cpu": "/sys/fs/cgroup/cpu,cpuacct", "cpuacct": "/sys/fs/cgroup/cpu,cpuacct",
                        "memory": "/sys/fs/cgroup/memory", "pids": "/sys/fs/cgroup/pids"}),
        (HYBRID, "", "hybrid", {"cpu": "/sys/fs/cgroup/cpu,cpuacct", "cpuacct": "/sys/fs/cgroup/cpu,cpuacct",
                                "memory": "/sys/fs/cgroup/memory", "pids": "/sys/fs/cgroup/pids"}),
        (PARTIAL, "", "none", {}),
        ("", "", "none", {}),
    ],
    ids=["v2", "v1", "hybrid", "part of a hierarchy", "nothing"],
)  # fmt: skip
def test_cgroup_layout(mountinfo: str, controllers: str, mode: str, mounts: dict[str, str]) -> None:
    layout = parse_cgroup_mounts(mountinfo, controllers)
    assert (layout.mode, layout.mounts) == (mode, mounts)


def test_an_escaped_mount_point_is_read() -> None:
    line = r"35 31 0:32 / /cg\040two/memory rw - cgroup cgroup rw,memory"
    assert parse_cgroup_mounts(line, "").mounts == {"memory": "/cg two/memory"}
