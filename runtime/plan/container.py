"""The whole plan of a container: what the launcher does before, what the new process does to itself, what is undone.

The process is cloned into a new PID namespace (and, rootless, a new user namespace), which it cannot enter by itself;
it enters every other namespace by its own unshare(2), one operation each, so that the cost of each can be seen and
several launches run side by side instead of queueing in the launcher.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from runtime.abi import (
    CLONE_NEWCGROUP,
    CLONE_NEWIPC,
    CLONE_NEWNET,
    CLONE_NEWNS,
    CLONE_NEWPID,
    CLONE_NEWUSER,
    CLONE_NEWUTS,
)
from runtime.plan import cgroup, filesystems, mounts, privileges, rootfs
from runtime.plan.host import CgroupLayout, HostFacts, RootFilesystem
from runtime.plan.operation import Operation
from runtime.spec.config import Config, Process

JOINABLE = {"network": CLONE_NEWNET, "ipc": CLONE_NEWIPC, "uts": CLONE_NEWUTS}


@dataclass(frozen=True, slots=True)
class Plan:
    """Ordered kernel operations of one launch.

    Attributes
    ----------
    identifier : str
        The container's.
    prepare : tuple of Operation
        Made by the launcher before the process exists.
    clone_flags : int
        CLONE_NEW* flags of the process itself.
    inside : tuple of Operation
        Made by the new process to itself; the last executes the program.
    cleanup : tuple of Operation
        Made by the launcher after the process ended, all of them even if one fails.
    """

    identifier: str
    prepare: tuple[Operation, ...]
    clone_flags: int
    inside: tuple[Operation, ...]
    cleanup: tuple[Operation, ...]


def plan_container(
    identifier: str, config: Config, root: RootFilesystem, host: HostFacts, last_capability: int
) -> Plan:
    """Plan a container.

    Parameters
    ----------
    identifier : str
        Names its cgroup; unique on this host.
    config : Config
        What it shall be.
    root : RootFilesystem
        Its layers and its own folder.
    host : HostFacts
        What the host allows.
    last_capability : int
        The highest capability of the running kernel.

    Returns
    -------
    Plan
        Pure data; nothing has been touched.

    Raises
    ------
    SpecError
        The configuration asks for what this host or user cannot give.
    """
    wanted = config.namespaces
    layout = host.cgroup
    prepare: list[Operation] = []
    inside: list[Operation] = []
    if host.rootless:
        inside += privileges.plan_id_maps(host)
    if layout is not None:
        prepare += cgroup.plan_create(layout, identifier, config.resources)
        inside += cgroup.plan_join(layout, identifier)
    prepare += rootfs.plan_folders(root)
    for name, flag, words in (
        ("cgroup", CLONE_NEWCGROUP, "see the own control group as the root of all"),
        ("mount", CLONE_NEWNS, "a mount table of its own"),
        ("uts", CLONE_NEWUTS, "a host name of its own"),
        ("ipc", CLONE_NEWIPC, "System V and POSIX message queues and shared memory of its own"),
        ("network", CLONE_NEWNET, "network devices, addresses, routes and ports of its own: none yet"),
    ):
        if name in wanted:
            stage = "network namespace" if name == "network" else "namespaces"
            inside.append(Operation(stage, "unshare", (flag,), words))
    for name, path in config.joined:
        stage = "network namespace" if name == "network" else "namespaces"
        inside.append(
            Operation(stage, "join_namespace", (path, JOINABLE[name]), f"enter a {name} namespace that exists")
        )
    if "network" in wanted:
        inside.append(Operation("network namespace", "set_link_up", ("lo",), "a new loopback device starts down"))
    inside += [
        Operation("namespaces", "setsid", (), "a session of its own, apart from the launcher's terminal"),
        *filesystems.plan_take_devices(host.rootless),
        *mounts.plan_take_binds(config),
        *rootfs.plan_enter(root, host.rootless),
        Operation("dev", "umask", (0,), "make nodes and folders with just the modes that are named"),
        *filesystems.plan_proc(),
        *filesystems.plan_dev(host.rootless),
        *filesystems.plan_sys(),
        *filesystems.plan_sysctls(config),
        *filesystems.plan_masks(config),
        *mounts.plan_attach_binds(config),
        *rootfs.plan_leave_old_root(),
    ]
    if "uts" in wanted:
        inside.append(Operation("hostname", "sethostname", (config.hostname,), "name the container"))
    inside += [
        Operation("privileges", "umask", (0o022,), "the customary mask of a program"),
        *_plan_settings(config.process),
        *mounts.plan_readonly_root(config),
        *privileges.plan_privileges(_guarded(config.process, host), host.rootless, last_capability),
        Operation("exec", "chdir", (config.process.cwd,), "start in the working directory"),
        _execute(config.process),
    ]
    cleanup = [] if layout is None else cgroup.plan_remove(layout, identifier)
    cleanup += rootfs.plan_remove(root)
    flags = CLONE_NEWPID | (CLONE_NEWUSER if host.rootless else 0)
    return Plan(identifier, tuple(prepare), flags, tuple(inside), tuple(cleanup))


def _plan_settings(process: Process) -> list[Operation]:
    """The terminal, the working directory and the limits of the process."""
    operations = []
    if process.terminal:
        words = "a terminal of its own, whose other side goes to the engine"
        operations.append(Operation("dev", "open_console", (process.user.uid,), words))
    if process.cwd != "/":
        operations.append(
            Operation("exec", "make_folder", (process.cwd,), "make the working directory, if there is none")
        )
    operations += [
        Operation("privileges", "setrlimit", limit, "limit a resource of the process") for limit in process.rlimits
    ]
    return operations


def _guarded(process: Process, host: HostFacts) -> Process:
    """Leave CAP_MKNOD out where nothing keeps a container from opening the device nodes that it makes."""
    if host.rootless or (host.cgroup is not None and "devices" in host.cgroup.mounts):
        return process
    return replace(process, capabilities=tuple(name for name in process.capabilities if name != "CAP_MKNOD"))


def plan_exec(
    identifier: str, process: Process, layout: CgroupLayout | None, container: str, last_capability: int
) -> Plan:
    """Plan one more process in a running container, whose pidfd the launcher gives as descriptor 4.

    Parameters
    ----------
    identifier : str
        Of this process.
    process : Process
        What to execute.
    layout : CgroupLayout or None
        Where the container's control group is.
    container : str
        The container's identifier.
    last_capability : int
        The highest capability of the running kernel.
    """
    flags = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWCGROUP
    inside = [] if layout is None else cgroup.plan_join(layout, container)
    inside += [
        Operation("namespaces", "setns", (4, flags), "enter the container's namespaces, its root among them"),
        Operation("namespaces", "fork_sibling", (3,), "go on as a new process there: a process cannot change its own"),
        Operation("namespaces", "setsid", (), "a session of its own"),
        Operation("privileges", "umask", (0o022,), "the customary mask of a program"),
        *_plan_settings(process),
        *privileges.plan_privileges(process, rootless=False, last_capability=last_capability),
        Operation("exec", "chdir", (process.cwd,), "start in the working directory"),
        _execute(process),
    ]
    return Plan(identifier, (), 0, tuple(inside), ())


def plan_process(identifier: str, process: Process) -> Plan:
    """Plan a plain process by the same launcher: fork and exec, no isolation; what a container is compared with."""
    return Plan(identifier, (), 0, (_execute(process),), ())


def _execute(process: Process) -> Operation:
    return Operation(
        "exec", "execute", (process.args, process.env), "become the program; all before was setting the stage"
    )
