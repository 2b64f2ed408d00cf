"""A private view of the control groups, for runtimes that refuse a hybrid host."""

from __future__ import annotations

from pathlib import Path

from runtime.abi import CLONE_NEWNS, MNT_DETACH, MS_REC, MS_SLAVE
from runtime.kernel.calls import CALLS
from runtime.kernel.host import read_cgroup_layout


def hide_unified_hierarchy() -> bool:
    """Leave the version-2 hierarchy of a hybrid host out of this process' view, and of those it starts from now on.

    crun takes a host with both for a version-2 host and fails. The mount is taken away in a mount namespace of this
    process alone; the host's own stays.

    Returns
    -------
    bool
        Whether anything was hidden: False on hosts that are not hybrid.
    """
    if read_cgroup_layout().mode != "hybrid":
        return False
    point = next(
        line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines() if " - cgroup2 " in line
    )
    CALLS["unshare"](CLONE_NEWNS)
    CALLS["mount"](None, "/", None, MS_REC | MS_SLAVE, None)
    CALLS["umount2"](point, MNT_DETACH)
    return True
