"""The engine behind the API: images, containers and events of one root folder, and what is said of the whole."""

from __future__ import annotations

import asyncio
import os
import platform
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from runtime.engine.containers import Containers
from runtime.engine.documents import summary
from runtime.engine.events import EventBus
from runtime.image.connection import Registries
from runtime.image.removal import ImageUse
from runtime.image.store import ImageStore
from runtime.kernel.host import meminfo_bytes
from runtime.spec.imageview import summary_document

_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class Daemon:
    """Everything that a running daemon holds.

    Parameters
    ----------
    root : pathlib.Path
        Where images, containers and volumes are kept.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.events = EventBus()
        self.images = ImageStore(root / "images")
        self.registries = Registries()
        self.containers = Containers(root, self.images, self.events)

    def version(self) -> dict[str, Any]:
        """What this program is: `SystemVersion` of the API description."""
        return {
            "Version": _own_version(),
            "Os": "linux",
            "Arch": _ARCHITECTURES.get(platform.machine(), platform.machine()),
            "KernelVersion": platform.release(),
            "GitCommit": "",
            "GoVersion": "",
            "BuildTime": "",
        }

    def image_uses(self) -> Sequence[ImageUse]:
        """Which containers use which images."""
        return self.containers.uses()

    async def disk_usage(self) -> dict[str, Any]:
        """What is on disk: `SystemDataUsageResponse` of the API description."""
        images = await asyncio.to_thread(self.images.images)
        now_s = time.time()
        return {
            "LayersSize": sum(image.size_bytes for image in images),
            "Images": [summary_document(image) for image in images],
            "Containers": [summary(container, now_s) for container in self.containers.all()],
            "Volumes": [],
            "BuildCache": [],
        }

    def info(self) -> dict[str, Any]:
        """Host and engine: `SystemInfo` of the API description."""
        all_containers = self.containers.all()
        states = [container.state.status for container in all_containers]
        layout = self.containers.host.cgroup
        return {
            "ID": "TARE",
            "Containers": len(states),
            "ContainersRunning": states.count("running"),
            "ContainersPaused": states.count("paused"),
            "ContainersStopped": len(states) - states.count("running") - states.count("paused"),
            "Images": len(self.images.images()),
            "Driver": "overlay2",
            "DriverStatus": [["Backing Filesystem", "overlayfs"]],
            "Plugins": {"Volume": ["local"], "Network": ["host", "null"], "Authorization": None, "Log": ["json-file"]},
            "MemoryLimit": layout is not None,
            "CpuCfsPeriod": layout is not None,
            "CpuCfsQuota": layout is not None,
            "PidsLimit": layout is not None,
            "CgroupDriver": "cgroupfs" if layout is not None else "none",
            "CgroupVersion": "2" if layout is not None and layout.mode == "v2" else "1",
            "KernelVersion": platform.release(),
            "OperatingSystem": _system(),
            "OSType": "linux",
            "Architecture": platform.machine(),
            "NCPU": len(os.sched_getaffinity(0)),
            "MemTotal": meminfo_bytes()["MemTotal"],
            "DockerRootDir": str(self.root),
            "Name": platform.node(),
            "ServerVersion": _own_version(),
            "DefaultRuntime": "tare",
            "Runtimes": {"tare": {"path": "tare"}},
            "LoggingDriver": "json-file",
            "SecurityOptions": [],
            "Warnings": [],
            "Labels": [],
        }


def _own_version() -> str:
    try:
        return version("tare-lab")
    except PackageNotFoundError:
        return "unknown"


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()
