"""The machine that a record speaks of."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from runtime.kernel.host import meminfo_bytes, read_cgroup_layout


def describe_machine() -> dict[str, Any]:
    """The ``machine`` part of a record document; works on any system, with ``none`` where Linux is asked for."""
    linux = platform.system() == "Linux"
    return {
        "system": _system(),
        "kernel": f"{platform.system()} {platform.release()}",
        "architecture": platform.machine(),
        "cpu_model": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)) if linux else os.cpu_count() or 1,
        "memory_bytes": meminfo_bytes()["MemTotal"] if linux else _memory_bytes(),
        "cgroup_mode": read_cgroup_layout().mode if linux else "none",
        "privilege": "root" if os.geteuid() == 0 else "rootless",
        "load_1min": round(os.getloadavg()[0], 2),
    }


def describe_versions() -> dict[str, str]:
    """Versions of what measured and simulated."""
    versions = {"python": platform.python_version()}
    for package in ("tare-lab", "simpy", "numpy", "matplotlib"):
        try:
            versions[package] = version(package)
        except PackageNotFoundError:  # run from a folder that is not installed
            versions[package] = "unknown"
    return versions


def _system() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return f"{platform.system()} {platform.version()}".strip()


def _cpu_model() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or "unknown"


def _memory_bytes() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
