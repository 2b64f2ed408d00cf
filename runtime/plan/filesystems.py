"""The kernel's own file systems inside a container: /proc, /dev and its nodes, /sys, and what of them is masked.

Mount options are those of the OCI runtime specification (config-linux.md, *Default Filesystems*, *Default Devices*)
as Docker sets them. All paths are inside the container's root: see `runtime.plan.rootfs`.
"""

from __future__ import annotations

import os

from runtime.abi import (
    MS_NODEV,
    MS_NOEXEC,
    MS_NOSUID,
    MS_RDONLY,
    MS_STRICTATIME,
    S_IFCHR,
    S_IFREG,
)
from runtime.plan.operation import Operation
from runtime.spec.config import Config

DEVICES = (
    ("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8), ("urandom", 1, 9), ("tty", 5, 0),
)  # fmt: skip
LINKS = (
    ("/proc/self/fd", "fd"), ("/proc/self/fd/0", "stdin"), ("/proc/self/fd/1", "stdout"), ("/proc/self/fd/2", "stderr"),
    ("pts/ptmx", "ptmx"),
)  # fmt: skip

_FIRST_TREE = 10  # descriptor numbers of device mounts taken along; a new process holds 0 to 3 and what it opens


def plan_take_devices(rootless: bool) -> list[Operation]:
    """Operations made while the host is still in sight: an unprivileged user may not make device nodes.

    The host's own nodes are taken along as detached mounts instead. Root makes its nodes itself and needs none.
    """
    if not rootless:
        return []
    return [
        Operation("dev", "open_tree", (f"/dev/{name}", _FIRST_TREE + i), f"take the host's /dev/{name} along")
        for i, (name, _, _) in enumerate(DEVICES)
    ]


def plan_proc() -> list[Operation]:
    """A proc of the container's own process namespace."""
    flags = MS_NOSUID | MS_NOEXEC | MS_NODEV
    words = "mount a proc that shows the processes of this namespace only"
    return [_place("proc", "/proc"), Operation("proc", "mount", ("proc", "/proc", "proc", flags, None), words)]


def _place(stage: str, path: str) -> Operation:
    return Operation(
        stage, "require_folder", (path,), "a folder to mount on, which may be no link of the image's making"
    )


def plan_dev(rootless: bool) -> list[Operation]:
    """/dev: a small tmpfs with the default devices, links, terminals, shared memory and message queues."""
    tmpfs = ("tmpfs", "/dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k")
    operations = [
        _place("dev", "/dev"),
        Operation("dev", "mount", tmpfs, "an empty /dev: no device of the host is in it"),
    ]
    for i, (name, major, minor) in enumerate(DEVICES):
        if rootless:
            operations += [
                Operation("dev", "mknod", (f"/dev/{name}", S_IFREG | 0o666, 0), f"a place to attach /dev/{name}"),
                Operation("dev", "move_mount", (_FIRST_TREE + i, f"/dev/{name}"), f"attach the host's /dev/{name}"),
            ]
        else:
            node = (f"/dev/{name}", S_IFCHR | 0o666, os.makedev(major, minor))
            operations.append(Operation("dev", "mknod", node, f"the device {name}"))
    operations += [
        Operation("dev", "symlink", (target, f"/dev/{name}"), f"the customary name /dev/{name}")
        for target, name in LINKS
    ]
    owner = "" if rootless else ",gid=5"  # group 5, tty, is not mapped into a user namespace of one user
    for name, fstype, flags, options, words in (
        ("pts", "devpts", MS_NOSUID | MS_NOEXEC, f"newinstance,ptmxmode=0666,mode=0620{owner}", "terminals of its own"),
        ("shm", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=1777,size=65536k", "POSIX shared memory of its own"),
        ("mqueue", "mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, None, "POSIX message queues of its own"),
    ):
        operations += [
            Operation("dev", "mkdir", (f"/dev/{name}", 0o755), f"a place for /dev/{name}"),
            Operation("dev", "mount", (fstype, f"/dev/{name}", fstype, flags, options), words),
        ]
    return operations


def plan_sys() -> list[Operation]:
    """A read-only sysfs, which shows the devices of the container's own network namespace."""
    flags = MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY
    words = "mount a sysfs that cannot be written"
    return [_place("sys", "/sys"), Operation("sys", "mount", ("sysfs", "/sys", "sysfs", flags, None), words)]


def plan_sysctls(config: Config) -> list[Operation]:
    """Kernel parameters of the container's own namespaces, before /proc/sys becomes read-only."""
    return [
        Operation(
            "proc", "write_file", ("/proc/sys/" + name.replace(".", "/"), value), f"set the kernel parameter {name}"
        )
        for name, value in config.sysctls
    ]


def plan_masks(config: Config) -> list[Operation]:
    """What a shared kernel would tell or let a container change, hidden or made read-only."""
    return [
        *(
            Operation("masks", "mask_path", (path,), "hide what belongs to the host, where the kernel has it")
            for path in config.masked_paths
        ),
        *(
            Operation("masks", "readonly_path", (path,), "let it be read but not written, where the kernel has it")
            for path in config.readonly_paths
        ),
    ]
