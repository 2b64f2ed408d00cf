"""Control groups: making one per container, its limits, joining and removing it; cgroups(7).

The three arrangements that are met in the wild are planned here. With version 1 each controller has its own hierarchy
and file names; with version 2 there is one hierarchy; *hybrid* hosts have the controllers in version 1, so they are
planned as such.
"""

from __future__ import annotations

from runtime.plan.host import CgroupLayout
from runtime.plan.operation import Operation
from runtime.spec.config import Resources

CPU_PERIOD_US = 100_000  # the kernel's default for cpu.cfs_period_us and cpu.max

# Joined whether limited or not, so that usage can be read and a limit changed later
CONTROLLERS = ("cpu", "cpuacct", "memory", "pids", "devices")

# What a container may do with devices, in the words of devices.allow (kernel: cgroup-v1/devices.rst): make any node,
# but open only the default ones, its terminals and none of the host's disks. As runc and Docker.
DEVICE_RULES = (
    "c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm",
    "c 136:* rwm",
)  # fmt: skip


def cgroup_folders(layout: CgroupLayout, identifier: str) -> tuple[str, ...]:
    """Paths of a container's cgroup, one per hierarchy.

    Parameters
    ----------
    layout : CgroupLayout
        The host's hierarchies.
    identifier : str
        The container's.

    Returns
    -------
    tuple of str
        Without repetitions: hierarchies that are mounted together, such as cpu and cpuacct, have one path.
    """
    points = [layout.mounts[c] for c in CONTROLLERS if c in layout.mounts]
    return tuple(f"{point}{layout.base}/{identifier}" for point in dict.fromkeys(points))


def plan_create(layout: CgroupLayout, identifier: str, resources: Resources) -> list[Operation]:
    """Operations of the launcher that make the cgroup and set its limits."""
    operations = [
        Operation(
            "cgroup", "mkdir", (folder, 0o755), "make a control group, which will account for all that runs in it"
        )
        for folder in cgroup_folders(layout, identifier)
    ]

    def limit(controller: str, v1: str, v2: str, value_v1: str, value_v2: str, words: str) -> None:
        if controller not in layout.mounts:
            return
        name, value = (v2, value_v2) if layout.mode == "v2" else (v1, value_v1)
        path = f"{layout.mounts[controller]}{layout.base}/{identifier}/{name}"
        operations.append(Operation("cgroup", "write_file", (path, value), words))

    if (memory := resources.memory_limit_bytes) is not None:
        text = str(memory)
        limit(
            "memory", "memory.limit_in_bytes", "memory.max", text, text, f"let it hold at most {memory} bytes of memory"
        )
    if (cpus := resources.cpus) is not None:
        quota = round(cpus * CPU_PERIOD_US)
        words = f"let it use {cpus} processors' worth of time"
        limit("cpu", "cpu.cfs_quota_us", "cpu.max", str(quota), f"{quota} {CPU_PERIOD_US}", words)
    if (pids := resources.pids_limit) is not None:
        limit("pids", "pids.max", "pids.max", str(pids), str(pids), f"let it have at most {pids} tasks")
    return operations


def plan_join(layout: CgroupLayout, identifier: str) -> list[Operation]:
    """Operations of the new process that put itself into the cgroup; 0 stands for the writer itself."""
    return [
        Operation("cgroup", "write_file", (f"{folder}/cgroup.procs", "0"), "move this process into the control group")
        for folder in cgroup_folders(layout, identifier)
    ]


def plan_remove(layout: CgroupLayout, identifier: str) -> list[Operation]:
    """Operations of the launcher that remove the cgroup after its last process ended."""
    return [
        Operation("clean-up", "rmdir", (folder,), "remove the control group")
        for folder in cgroup_folders(layout, identifier)
    ]
