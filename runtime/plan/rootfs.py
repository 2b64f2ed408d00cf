"""The root file system: an overlay of shared layers and one writable layer, entered by pivot_root(2).

The new root is entered *before* anything is mounted inside it. From then on every path is resolved inside the
container's own tree, so an image whose /proc or /etc is a symbolic link cannot make the launcher mount or write on
the host (the class of CVE-2019-19921 and CVE-2021-30465). The old root stays stacked underneath until the last mount
is made, since a user namespace may mount proc and sysfs only while it still sees the host's (mount_namespaces(7)).
"""

from __future__ import annotations

from runtime.abi import MNT_DETACH, MS_REC, MS_SLAVE
from runtime.plan.host import RootFilesystem
from runtime.plan.operation import Operation

STAGE = "root file system"


def plan_folders(rootfs: RootFilesystem) -> list[Operation]:
    """Operations of the launcher that make the container's own folders."""
    if rootfs.kept:
        return []
    return [
        Operation(STAGE, "mkdir", (rootfs.folder, 0o711), "make the container's own folder"),
        Operation(STAGE, "mkdir", (rootfs.upper, 0o755), "make the writable layer: all that this container changes"),
        Operation(STAGE, "mkdir", (rootfs.work, 0o700), "make the folder that overlayfs works in"),
        Operation(STAGE, "mkdir", (rootfs.merged, 0o755), "make the mount point"),
    ]


def overlay_options(rootfs: RootFilesystem, rootless: bool) -> str:
    """Mount options of the overlay: overlayfs(5).

    ``userxattr`` keeps overlayfs' notes in the user.* attributes, which need no privilege outside the user namespace.
    """

    def escaped(path: str) -> str:
        return path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")

    lower = ":".join(map(escaped, rootfs.layers))
    options = f"lowerdir={lower},upperdir={escaped(rootfs.upper)},workdir={escaped(rootfs.work)}"
    return options + (",userxattr" if rootless else "")


def plan_enter(rootfs: RootFilesystem, rootless: bool) -> list[Operation]:
    """Operations of the new process that mount the overlay and make it the root."""
    options = overlay_options(rootfs, rootless)
    return [
        Operation(
            STAGE, "mount", (None, "/", None, MS_REC | MS_SLAVE, None),
            "keep what is mounted from now on to this namespace",
        ),
        Operation(
            STAGE, "mount", ("overlay", rootfs.merged, "overlay", 0, options),
            "lay the writable layer over the image's shared layers",
        ),
        Operation(STAGE, "chdir", (rootfs.merged,), "stand in the new root"),
        Operation(
            STAGE, "pivot_root", (".", "."), "make it the root; unlike chroot, no way leads back once the old is gone"
        ),
    ]  # fmt: skip


def plan_leave_old_root() -> list[Operation]:
    """Operations of the new process that let go of the host's file systems."""
    return [
        Operation(
            STAGE, "umount2", (".", MNT_DETACH), "let go of the host's files, which were stacked on the new root"
        ),
    ]


def plan_remove(rootfs: RootFilesystem) -> list[Operation]:
    """Operations of the launcher that remove the container's own folder."""
    if rootfs.kept:
        return []
    return [Operation("clean-up", "remove_tree", (rootfs.folder,), "remove the writable layer and the mount point")]
