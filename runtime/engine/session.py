"""A session: one engine process with its zygote, its containers' folders, and the promise to leave nothing behind.

::

    ROOT/images/                    the image store
    ROOT/sessions/NAME/lock         held by the session's zygote for as long as it lives
    ROOT/sessions/NAME/ID/          a container's writable layer and mount point

Containers are removed by the zygote that launched them. Should that be killed, its containers die with it
(PR_SET_PDEATHSIG), the kernel drops their mounts with their namespaces, and the next session finds a folder whose
lock nobody holds: it removes that session's cgroups and folders.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import signal
import time
from pathlib import Path
from types import TracebackType

from runtime.errors import EngineError
from runtime.image.host import find_image
from runtime.image.store import Image, ImageStore
from runtime.kernel.files import remove_tree
from runtime.kernel.host import host_facts, last_capability
from runtime.launcher.client import Launch, Launcher
from runtime.plan.cgroup import V1_CONTROLLERS, cgroup_folders
from runtime.plan.container import Plan, plan_container
from runtime.plan.host import CgroupLayout, RootFilesystem
from runtime.spec.config import Config
from runtime.spec.reference import Reference


def default_root() -> Path:
    """Where images and containers are kept: TARE_ROOT, else /var/lib/tare for root, else below XDG_DATA_HOME."""
    if named := os.environ.get("TARE_ROOT"):
        return Path(named).absolute()
    if os.geteuid() == 0:
        return Path("/var/lib/tare")
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "tare"


class Session:
    """Everything that launching containers needs, held until it is closed.

    Parameters
    ----------
    root : pathlib.Path
        See `default_root`.

    Raises
    ------
    EngineError
        The folder cannot be used, or the zygote cannot be started.
    """

    def __init__(self, root: Path) -> None:
        self.host = host_facts()
        self.images = ImageStore(root / "images")
        self._last_capability = last_capability()
        with contextlib.ExitStack() as undo:
            try:
                sessions = root / "sessions"
                sessions.mkdir(mode=0o711, exist_ok=True)
                _sweep(sessions, self.host.cgroup)
                self._folder = sessions / secrets.token_hex(6)
                self._folder.mkdir(mode=0o711)
                undo.callback(remove_tree, str(self._folder))
                lock = os.open(self._folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX)
                    if self.host.cgroup is not None:
                        _make_base(self.host.cgroup)
                        undo.callback(_remove_base, self.host.cgroup)
                    self._launcher = Launcher(held=(lock,))
                finally:
                    os.close(lock)  # the zygote's copy keeps it locked
            except OSError as error:
                reason = str(error.strerror).lower()
                raise EngineError(
                    "open a session in", str(error.filename or root), reason, "choose another folder with TARE_ROOT"
                ) from error
            self._undo = undo.pop_all()

    def __enter__(self) -> Session:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def zygote_pid(self) -> int:
        """Process id of the session's zygote."""
        return self._launcher.pid

    def find(self, reference: Reference) -> Image:
        """Return an image; see `runtime.image.host.find_image`."""
        return find_image(self.images, reference)

    def plan(self, image: Image, config: Config) -> Plan:
        """Plan a container of an image, with an identifier of its own."""
        if config.resources.any_set and self.host.cgroup is None:
            raise EngineError(
                "limit",
                "memory, cpus or pids",
                "this user cannot make a control group",
                "run as root, or without limits",
            )
        identifier = secrets.token_hex(32)
        root = RootFilesystem(self.images.layer_folders(image), str(self._folder / identifier))
        return plan_container(identifier, config, root, self.host, self._last_capability)

    def launch(self, plan: Plan, stdio: tuple[int, int, int]) -> Launch:
        """Launch what was planned; see `runtime.launcher.client.Launcher.launch`."""
        return self._launcher.launch(plan, stdio)

    def close(self) -> None:
        """End every container, the zygote, and leave nothing behind but the images."""
        self._launcher.close()
        _clear(self._folder, self.host.cgroup)  # the zygote did it, unless it was killed
        self._undo.close()


def _make_base(layout: CgroupLayout) -> None:
    """Make the folder that containers' cgroups lie in; with version 2, pass the controllers down to it."""
    for folder in dict.fromkeys(layout.mounts.values()):
        Path(f"{folder}{layout.base}").mkdir(exist_ok=True)
    if layout.mode == "v2":
        point = next(iter(layout.mounts.values()))
        wanted = " ".join(f"+{c}" for c in V1_CONTROLLERS if c in layout.mounts)
        for folder in (point, f"{point}{layout.base}"):
            Path(folder, "cgroup.subtree_control").write_text(wanted)


def _remove_base(layout: CgroupLayout) -> None:
    for folder in dict.fromkeys(layout.mounts.values()):
        with contextlib.suppress(OSError):  # another session's containers are in it
            os.rmdir(f"{folder}{layout.base}")


def _sweep(sessions: Path, layout: CgroupLayout | None) -> None:
    """Remove what sessions left whose zygote was killed."""
    for session in sessions.iterdir():
        try:
            lock = os.open(session / "lock", os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # it is just being made, or just being removed
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        finally:
            os.close(lock)
        _clear(session, layout)
        remove_tree(str(session))


def _clear(session: Path, layout: CgroupLayout | None) -> None:
    """Remove the control groups and folders of a session's containers."""
    for container in session.iterdir():
        if container.name != "lock":
            for folder in () if layout is None else cgroup_folders(layout, container.name):
                _remove_cgroup(Path(folder))
            remove_tree(str(container))


def _remove_cgroup(folder: Path) -> None:
    """Kill what is left in a cgroup and remove it."""
    for _ in range(100):
        try:
            folder.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            for pid in (folder / "cgroup.procs").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.01)
        else:
            return
    raise EngineError("remove cgroup", str(folder), "its processes do not end", f"see {folder}/cgroup.procs")
