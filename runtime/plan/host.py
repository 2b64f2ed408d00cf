"""What a plan must know of the host, as plain values that the kernel layer found out."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

CgroupMode = Literal["v1", "hybrid", "v2", "none"]


@dataclass(frozen=True, slots=True)
class CgroupLayout:
    """The cgroup hierarchies of this host.

    Attributes
    ----------
    mode : {"v1", "hybrid", "v2", "none"}
        v1: only version-1 hierarchies. hybrid: version-1 controllers beside a version-2 hierarchy without any.
        v2: the unified hierarchy has the controllers.
    mounts : mapping of str to str
        Mount point by controller; for v2 every controller has the same.
    base : str
        Folder below each mount point under which containers' cgroups are made, for example ``/tare``.
    """

    mode: CgroupMode
    mounts: dict[str, str] = field(default_factory=dict)
    base: str = "/tare"


@dataclass(frozen=True, slots=True)
class HostFacts:
    """The host as a plan sees it.

    Attributes
    ----------
    rootless : bool
        Whether the launcher lacks root's privileges, so that a user namespace is needed for everything else.
    uid, gid : int
        The launcher's effective ids.
    cgroup : CgroupLayout or None
        Where cgroups can be made; None when this user cannot make any.
    """

    rootless: bool
    uid: int
    gid: int
    cgroup: CgroupLayout | None


@dataclass(frozen=True, slots=True)
class RootFilesystem:
    """The overlay of one container: overlayfs(5).

    Attributes
    ----------
    layers : tuple of str
        Unpacked layers, the topmost first; read-only and shared by all containers of the image.
    folder : str
        The container's own folder: the writable layer and the mount point lie in it.
    kept : bool
        Whether the folder is there before the process and stays after it; else the plan makes and removes it.
    """

    layers: tuple[str, ...]
    folder: str
    kept: bool = False

    @property
    def upper(self) -> str:
        """The writable layer."""
        return f"{self.folder}/upper"

    @property
    def work(self) -> str:
        """Overlayfs' own folder, on the same file system as the writable layer."""
        return f"{self.folder}/work"

    @property
    def merged(self) -> str:
        """Where the layers appear as one."""
        return f"{self.folder}/rootfs"
