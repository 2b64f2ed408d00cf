"""The control groups that a session's containers are made in: ``/tare/SESSION`` below each hierarchy.

Several commands make and remove them at once. Each change is made under a lock on the hierarchy's mount point, and a
session's own folder keeps the common one from being removed under it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import replace
from pathlib import Path

from runtime.engine.lock import locked_folder
from runtime.errors import EngineError
from runtime.plan.cgroup import CONTROLLERS, DEVICE_RULES
from runtime.plan.host import CgroupLayout

COMMON = "/tare"

_KILL_ATTEMPTS = 200
_KILL_PAUSE_S = 0.01


def make_session_group(layout: CgroupLayout, session: str) -> CgroupLayout:
    """Make the folders of a session, unless they are there.

    With version 2 the controllers are passed down to them, with version 1 devices are limited.

    Parameters
    ----------
    layout : CgroupLayout
        The host's hierarchies.
    session : str
        The session's name.

    Returns
    -------
    CgroupLayout
        The same hierarchies, with the session's folder as the base of containers.

    Raises
    ------
    OSError
        This user may not, or (version 2, EBUSY) processes live where controllers would have to be passed down.
    """
    made = replace(layout, base=f"{COMMON}/{session}")
    try:
        with locked_folder(_points(layout)[0]):
            for controller, point in layout.mounts.items():
                common = Path(f"{point}{COMMON}")
                with contextlib.suppress(FileExistsError):
                    common.mkdir()
                    if controller == "devices":  # inherited by all that is made below
                        (common / "devices.deny").write_text("a")
                        for rule in DEVICE_RULES:
                            (common / "devices.allow").write_text(rule)
            points = _points(layout)
            if layout.mode == "v2":
                wanted = " ".join(f"+{controller}" for controller in CONTROLLERS if controller in layout.mounts)
                for folder in (points[0], points[0] + COMMON):
                    Path(folder, "cgroup.subtree_control").write_text(wanted)
            for point in points:
                Path(point + made.base).mkdir(exist_ok=True)
            if layout.mode == "v2":
                Path(points[0] + made.base, "cgroup.subtree_control").write_text(wanted)
    except OSError:
        remove_session_group(made)
        raise
    return made


def remove_session_group(layout: CgroupLayout) -> None:
    """Kill whatever is left in a session's folders, remove them, and the common ones when no session is left.

    Raises
    ------
    EngineError
        Processes that do not end.
    """
    with locked_folder(_points(layout)[0]):
        for point in _points(layout):
            folder = Path(point + layout.base)
            if folder.is_dir():
                for container in [path for path in folder.iterdir() if path.is_dir()]:
                    _remove(container)
                _remove(folder)
            with contextlib.suppress(OSError):  # other sessions are in it, or it was never made
                os.rmdir(point + COMMON)


def _points(layout: CgroupLayout) -> list[str]:
    return list(dict.fromkeys(layout.mounts.values()))


def _remove(folder: Path) -> None:
    for _ in range(_KILL_ATTEMPTS):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            for pid in (folder / "cgroup.procs").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(_KILL_PAUSE_S)
        else:
            return
    raise EngineError("remove control group", str(folder), "its processes do not end", f"see {folder}/cgroup.procs")
