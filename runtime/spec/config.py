"""What a container shall be: the part of the OCI runtime configuration that the engine uses.

Field names follow the OCI runtime specification (config.md, config-linux.md) in Python's spelling, with units where
the specification leaves them to prose.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from runtime.errors import SpecError

Namespace = Literal["mount", "pid", "uts", "ipc", "network", "cgroup", "user"]

DEFAULT_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# What Docker leaves to root inside a container (moby, oci/caps/defaults.go); every other capability is dropped
DEFAULT_CAPABILITIES = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP",
    "CAP_NET_BIND_SERVICE", "CAP_NET_RAW", "CAP_SYS_CHROOT", "CAP_MKNOD", "CAP_AUDIT_WRITE", "CAP_SETFCAP",
)  # fmt: skip

# Docker's lists (moby, oci/defaults.go): what a shared kernel would tell or let a container change
DEFAULT_MASKED_PATHS = (
    "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
    "/proc/sched_debug", "/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/devices/virtual/powercap",
    "/sys/firmware",
)  # fmt: skip
DEFAULT_READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")

MINIMUM_MEMORY_BYTES = 512 * 1024


@dataclass(frozen=True, slots=True)
class User:
    """Who runs the process: ids inside the container (config.md, *User*)."""

    uid: int = 0
    gid: int = 0
    additional_gids: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Process:
    """The container's process (config.md, *Process*).

    Attributes
    ----------
    args : tuple of str
        Program and arguments, at least one.
    env : tuple of str
        ``NAME=VALUE`` each.
    cwd : str
        Absolute path inside the container.
    capabilities : tuple of str
        Kept in the bounding, effective and permitted sets.
    no_new_privileges : bool
        Whether execve(2) may give privileges (set-user-ID, file capabilities).
    rlimits : tuple of (kind, soft, hard)
        RLIMIT_* numbers and limits; -1 is no limit.
    terminal : bool
        Whether it runs on a terminal of its own; its standard input must then be a socket.
    """

    args: tuple[str, ...]
    env: tuple[str, ...] = (f"PATH={DEFAULT_PATH}",)
    cwd: str = "/"
    user: User = field(default_factory=User)
    capabilities: tuple[str, ...] = DEFAULT_CAPABILITIES
    no_new_privileges: bool = True
    rlimits: tuple[tuple[int, int, int], ...] = ()
    terminal: bool = False

    def __post_init__(self) -> None:
        if not self.args or not self.args[0]:
            raise SpecError("configure", "process.args", "no command", "name a program: tare run IMAGE COMMAND")
        if not self.cwd.startswith("/"):
            raise SpecError("configure", self.cwd, "the working directory is not an absolute path", "start it with /")
        if any("\0" in text for text in (*self.args, *self.env, self.cwd)):
            raise SpecError("configure", self.args[0], "an argument or variable holds a null byte", "leave it out")


@dataclass(frozen=True, slots=True)
class Resources:
    """Limits of the container's cgroup (config-linux.md, *Control groups*); None leaves a limit unset.

    Attributes
    ----------
    memory_limit_bytes : int or None
        At least 512 KiB: below that the kernel kills the process before it runs.
    cpus : float or None
        Processors' worth of time, greater than 0.
    pids_limit : int or None
        Tasks at once, at least 1.
    """

    memory_limit_bytes: int | None = None
    cpus: float | None = None
    pids_limit: int | None = None

    def __post_init__(self) -> None:
        memory = self.memory_limit_bytes
        if memory is not None and memory < MINIMUM_MEMORY_BYTES:
            raise SpecError(
                "limit",
                f"memory {memory}",
                f"must be at least {MINIMUM_MEMORY_BYTES} bytes",
                "for example --memory 64m",
            )
        if self.cpus is not None and not 0.01 <= self.cpus <= 1e6:
            raise SpecError("limit", f"cpus {self.cpus}", "must be at least 0.01", "for example --cpus 0.5")
        if self.pids_limit is not None and self.pids_limit < 1:
            raise SpecError("limit", f"pids {self.pids_limit}", "must be at least 1", "for example --pids-limit 64")

    @property
    def any_set(self) -> bool:
        """Whether any limit is asked for."""
        return any(limit is not None for limit in (self.memory_limit_bytes, self.cpus, self.pids_limit))


@dataclass(frozen=True, slots=True)
class Bind:
    """A file or folder of the host inside a container (config.md, *Mounts*, type bind).

    Attributes
    ----------
    source : str
        Absolute path on the host.
    destination : str
        Absolute path inside the container; made when absent.
    readonly : bool
        Whether it, and all mounted below it, can be written.
    """

    source: str
    destination: str
    readonly: bool = False


@dataclass(frozen=True, slots=True)
class Tmpfs:
    """A file system in memory inside a container, with mount options as ``size=64m,mode=1777``."""

    destination: str
    options: str = ""


ISOLATED: tuple[Namespace, ...] = ("mount", "pid", "uts", "ipc", "network", "cgroup")


@dataclass(frozen=True, slots=True)
class Config:
    """A container's configuration.

    Attributes
    ----------
    namespaces : tuple of Namespace
        Made new; of those neither here nor in `joined` the launcher's are used.
    joined : tuple of (Namespace, path)
        Namespaces that exist, by a path such as ``/proc/PID/ns/net``.
    """

    process: Process
    hostname: str
    resources: Resources = field(default_factory=Resources)
    namespaces: tuple[Namespace, ...] = ISOLATED
    joined: tuple[tuple[Namespace, str], ...] = ()
    binds: tuple[Bind, ...] = ()
    tmpfs: tuple[Tmpfs, ...] = ()
    readonly_root: bool = False
    sysctls: tuple[tuple[str, str], ...] = ()
    masked_paths: tuple[str, ...] = DEFAULT_MASKED_PATHS
    readonly_paths: tuple[str, ...] = DEFAULT_READONLY_PATHS

    def __post_init__(self) -> None:
        if not self.hostname.isascii() or not 0 < len(self.hostname) <= 64:
            raise SpecError(
                "configure", self.hostname, "a hostname has 1 to 64 ASCII characters", "give another --hostname"
            )
