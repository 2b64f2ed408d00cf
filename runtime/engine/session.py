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
from dataclasses import replace
from pathlib import Path
from types import TracebackType

from runtime.engine.cgroups import COMMON, make_session_group, remove_session_group
from runtime.engine.lock import locked_folder
from runtime.errors import EngineError
from runtime.image.host import find_image
from runtime.image.store import Image, ImageStore
from runtime.kernel.files import remove_tree
from runtime.kernel.host import host_facts, last_capability
from runtime.launcher.client import Launch, Launcher
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
        self._sessions = root / "sessions"
        with contextlib.ExitStack() as undo:
            try:
                # 0700: a set-user-ID program that a container makes in its layer must be out of other users' reach
                self._sessions.mkdir(mode=0o700, exist_ok=True)
                with locked_folder(self._sessions):
                    _sweep(self._sessions, self.host.cgroup)
                    self._folder = self._sessions / secrets.token_hex(6)
                    self._folder.mkdir(mode=0o700)
                    undo.callback(self._remove_folder)
                    lock = os.open(self._folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
                    fcntl.flock(lock, fcntl.LOCK_EX)
                try:
                    if self.host.cgroup is not None:
                        self.host = replace(self.host, cgroup=_session_group(self.host.cgroup, self._folder.name))
                    if self.host.cgroup is not None:
                        undo.callback(remove_session_group, self.host.cgroup)
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
        self._undo.close()

    def _remove_folder(self) -> None:
        with locked_folder(self._sessions):
            remove_tree(str(self._folder))


def _session_group(layout: CgroupLayout, session: str) -> CgroupLayout | None:
    try:
        return make_session_group(layout, session)
    except OSError:
        return None  # containers run without limits, and one that is asked for is refused


def _sweep(sessions: Path, layout: CgroupLayout | None) -> None:
    """Remove what sessions left whose zygote was killed."""
    for session in sessions.iterdir():
        if not session.is_dir() or not _is_dead(session):
            continue
        if layout is not None:
            remove_session_group(replace(layout, base=f"{COMMON}/{session.name}"))
        with contextlib.suppress(OSError):  # what cannot be removed must not keep others from working
            remove_tree(str(session))


def _is_dead(session: Path) -> bool:
    try:
        lock = os.open(session / "lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True  # it was killed while it was made, or removed
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True
