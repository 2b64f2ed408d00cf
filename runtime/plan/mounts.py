"""Files of the host inside a container: taken along before its root is entered, attached where they belong after.

What is taken along is a detached mount with a descriptor, so neither the source nor the destination is looked up again
by a name that somebody may have changed (CVE-2021-30465).
"""

from __future__ import annotations

from runtime.abi import AT_RECURSIVE, MS_BIND, MS_NODEV, MS_NOSUID, MS_RDONLY, MS_REMOUNT
from runtime.plan.operation import Operation
from runtime.spec.config import Config

_FIRST_TREE = 20  # above those of the devices


def plan_take_binds(config: Config) -> list[Operation]:
    """Operations made while the host is still in sight."""
    operations = []
    for number, bind in enumerate(config.binds, _FIRST_TREE):
        words = f"take the host's {bind.source} along"
        operations.append(Operation("mounts", "open_tree", (bind.source, number, AT_RECURSIVE), words))
        if bind.readonly:
            operations.append(Operation("mounts", "set_tree_readonly", (number,), "let it be read but not written"))
    return operations


def plan_attach_binds(config: Config) -> list[Operation]:
    """Operations inside the new root: each bind and each file system in memory where it belongs."""
    operations = []
    for number, bind in enumerate(config.binds, _FIRST_TREE):
        operations += [
            Operation("mounts", "make_mount_point", (bind.destination, number), "a place for it, unless there is one"),
            Operation("mounts", "move_mount", (number, bind.destination), f"attach it as {bind.destination}"),
        ]
    for memory in config.tmpfs:
        mounted = ("tmpfs", memory.destination, "tmpfs", MS_NOSUID | MS_NODEV, memory.options or None)
        operations += [
            Operation("mounts", "make_folder", (memory.destination,), "a place for it, unless there is one"),
            Operation("mounts", "mount", mounted, f"a file system in memory as {memory.destination}"),
        ]
    return operations


def plan_readonly_root(config: Config) -> list[Operation]:
    """The last mount of all, where the root itself shall not be written."""
    if not config.readonly_root:
        return []
    remount = (None, "/", None, MS_BIND | MS_REMOUNT | MS_RDONLY, None)
    return [Operation("root file system", "mount", remount, "let the root be read but not written")]
