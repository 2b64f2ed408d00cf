"""Other runtimes, each a program started cold for every launch: runc, crun, bubblewrap."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from pathlib import Path
from time import monotonic_ns
from types import TracebackType
from typing import Any, Self

from runtime.bench.drivers.driver import Sample
from runtime.bench.payload import Payload
from runtime.errors import BenchError
from runtime.plan.cgroup import CPU_PERIOD_US
from runtime.spec.config import Config


class _Program:
    """A command line that is run once per launch, from posix_spawn(3) to waitpid(2)."""

    name: str
    technology = "container"
    differs: str

    def __init__(self, payload: Payload) -> None:
        found = shutil.which(self.name) or shutil.which({"bubblewrap": "bwrap"}.get(self.name, self.name))
        if found is None:
            package = self.name
            raise BenchError(
                "use driver", self.name, "the program is not installed", f"as root: apt-get install {package}"
            )
        self._path = found
        self._payload = payload

    def __enter__(self) -> Self:
        self._folder = tempfile.mkdtemp(prefix="tare-bench-")
        self._error_log = os.path.join(self._folder, "stderr")
        self._spawned = 0
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _command(self, number: int) -> list[str]:
        raise NotImplementedError

    def launch(self) -> Sample:
        """Spawn the program and wait for it."""
        self._spawned += 1
        command = self._command(self._spawned)
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, self._error_log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        ]
        start_ns = monotonic_ns()
        pid = os.posix_spawn(self._path, command, {"PATH": os.environ.get("PATH", os.defpath)}, file_actions=actions)
        _, status = os.waitpid(pid, 0)
        duration_ns = monotonic_ns() - start_ns
        if status:
            said = Path(self._error_log).read_text(errors="replace").strip().splitlines()
            raise BenchError(
                "launch with", self.name, said[-1] if said else f"status {os.waitstatus_to_exitcode(status)}"
            )
        return Sample(duration_ns)


def oci_config(config: Config, rootfs: str, cgroups_path: str) -> dict[str, Any]:
    """The runtime-spec document (config.json) of the same container, for other runtimes.

    Parameters
    ----------
    config : Config
        The container.
    rootfs : str
        Absolute path of its root file system, which is used as it is: an OCI runtime mounts no overlay.
    cgroups_path : str
        Its control group, below each hierarchy.
    """
    process, limits = config.process, config.resources
    resources: dict[str, Any] = {"devices": [{"allow": False, "access": "rwm"}]}
    if limits.memory_limit_bytes is not None:
        resources["memory"] = {"limit": limits.memory_limit_bytes}
    if limits.cpus is not None:
        resources["cpu"] = {"quota": round(limits.cpus * CPU_PERIOD_US), "period": CPU_PERIOD_US}
    if limits.pids_limit is not None:
        resources["pids"] = {"limit": limits.pids_limit}
    capabilities = list(process.capabilities)
    guarded = ["nosuid", "noexec", "nodev"]
    return {
        "ociVersion": "1.0.2",
        "process": {
            "terminal": False,
            "user": {"uid": process.user.uid, "gid": process.user.gid},
            "args": list(process.args),
            "env": list(process.env),
            "cwd": process.cwd,
            "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), capabilities),
            "noNewPrivileges": process.no_new_privileges,
        },
        "root": {"path": rootfs, "readonly": False},
        "hostname": config.hostname,
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc", "options": guarded},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "strictatime", "mode=755", "size=65536k"]},
            {"destination": "/dev/pts", "type": "devpts", "source": "devpts",
             "options": ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]},
            {"destination": "/dev/shm", "type": "tmpfs", "source": "shm",  # noqa: S108
             "options": [*guarded, "mode=1777", "size=65536k"]},
            {"destination": "/dev/mqueue", "type": "mqueue", "source": "mqueue", "options": guarded},
            {"destination": "/sys", "type": "sysfs", "source": "sysfs", "options": [*guarded, "ro"]},
        ],
        # the default devices are made, and allowed, without being listed
        "linux": {
            "cgroupsPath": cgroups_path,
            "resources": resources,
            "namespaces": [{"type": name} for name in config.namespaces],
            "maskedPaths": list(config.masked_paths),
            "readonlyPaths": list(config.readonly_paths),
        },
    }  # fmt: skip


class _OciRuntime(_Program):
    """An OCI runtime: ``run`` of one bundle, which creates, starts, waits for and deletes the container."""

    def __enter__(self) -> Self:
        super().__enter__()
        document = oci_config(self._payload.config, self._payload.rootfs, f"/tare-bench/{self.name}")
        Path(self._folder, "config.json").write_text(json.dumps(document))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for folder in Path("/sys/fs/cgroup").glob("*/tare-bench"):  # made by the runtime as a parent, and left by it
            with contextlib.suppress(OSError):
                folder.rmdir()
        super().__exit__(kind, error, trace)

    def _command(self, number: int) -> list[str]:
        state = os.path.join(self._folder, "state")
        return [self._path, "--root", state, "run", "--bundle", self._folder, f"tare-bench-{os.getpid()}-{number}"]


class RuncDriver(_OciRuntime):
    """runc, the reference runtime, in Go and C."""

    name = "runc"
    differs = "started cold; uses the unpacked layer as it is, without an overlay; joins every cgroup hierarchy"


class CrunDriver(_OciRuntime):
    """crun, a runtime in C."""

    name = "crun"
    differs = RuncDriver.differs


class BubblewrapDriver(_Program):
    """bubblewrap, a sandbox in C that makes namespaces and mounts, but no control group."""

    name = "bubblewrap"
    differs = (
        "started cold; uses the unpacked layer as it is, without an overlay; no control group, no limits, no masked "
        "paths, no sysfs of its own, its own small /dev"
    )

    def _command(self, number: int) -> list[str]:
        config = self._payload.config
        variables = [part for entry in config.process.env for part in ("--setenv", *entry.split("=", 1))]
        return [
            self._path, "--unshare-all", "--hostname", config.hostname, "--cap-drop", "ALL", "--die-with-parent",
            "--bind", self._payload.rootfs, "/", "--proc", "/proc", "--dev", "/dev", "--mqueue", "/dev/mqueue",
            "--clearenv", *variables, "--", *config.process.args,
        ]  # fmt: skip
