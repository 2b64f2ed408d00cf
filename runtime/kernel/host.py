"""Facts of this host that plans are made from, read from procfs and sysfs; pure parsers with thin readers."""

from __future__ import annotations

import os
import re
from pathlib import Path

from runtime.plan.cgroup import CONTROLLERS
from runtime.plan.host import CgroupLayout, HostFacts


def parse_cgroup_mounts(mountinfo: str, v2_controllers: str) -> CgroupLayout:
    """Find the cgroup hierarchies in a mount table.

    Parameters
    ----------
    mountinfo : str
        Text of ``/proc/self/mountinfo``, proc_pid_mountinfo(5).
    v2_controllers : str
        Text of ``cgroup.controllers`` at the root of the version-2 hierarchy; empty without one.

    Returns
    -------
    CgroupLayout
        Mode, and the mount point of each controller that containers are limited by. The first mount of a hierarchy
        that shows its root counts; one that shows only a part of the hierarchy (a bind mount, a container's view
        without a cgroup namespace) is passed over.
    """
    v1: dict[str, str] = {}
    v2: str | None = None
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or len(kind) < 3 or fields[3] != "/":
            continue
        point = re.sub(r"\\([0-7]{3})", lambda m: chr(int(m[1], 8)), fields[4])
        if kind[0] == "cgroup":
            for controller in kind[2].split(","):
                if controller in CONTROLLERS:
                    v1.setdefault(controller, point)
        elif kind[0] == "cgroup2" and v2 is None:
            v2 = point
    if v1:
        return CgroupLayout("hybrid" if v2 else "v1", v1)
    if v2 is None:
        return CgroupLayout("none")
    return CgroupLayout("v2", {c: v2 for c in v2_controllers.split() if c in CONTROLLERS})


def read_cgroup_layout() -> CgroupLayout:
    """Find the cgroup hierarchies of this host; see `parse_cgroup_mounts`."""
    mountinfo = Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    controllers = ""
    for line in mountinfo.splitlines():
        if " - cgroup2 " in line:
            listed = Path(line.split()[4], "cgroup.controllers")
            controllers = listed.read_text() if listed.is_file() else ""
            break
    return parse_cgroup_mounts(mountinfo, controllers)


def host_facts() -> HostFacts:
    """What a plan must know of this host and user.

    Only root makes cgroups here: an unprivileged user can only below a delegated version-2 cgroup.
    """
    rootless = os.geteuid() != 0
    layout = read_cgroup_layout()
    writable = bool(layout.mounts) and all(os.access(point, os.W_OK) for point in layout.mounts.values())
    return HostFacts(rootless, os.geteuid(), os.getegid(), layout if writable and not rootless else None)


def last_capability() -> int:
    """The number of the highest capability that the running kernel knows."""
    return int(Path("/proc/sys/kernel/cap_last_cap").read_text())


def meminfo_bytes() -> dict[str, int]:
    """``/proc/meminfo`` in bytes, by name; proc_meminfo(5)."""
    entries = {}
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        number, *unit = rest.split()
        entries[name] = int(number) * (1024 if unit else 1)
    return entries
