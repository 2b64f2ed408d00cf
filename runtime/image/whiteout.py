"""How overlayfs notes that something of a layer below is gone: kernel, Documentation/filesystems/overlayfs.rst.

A file that is gone is a character device 0/0; a directory that hides what it covers has the attribute
``overlay.opaque``. Root's notes are trusted attributes. A user's overlay (mount option ``userxattr``) reads user
attributes instead; the device is the same, since every user may make that one (Linux 5.8 and later).
"""

from __future__ import annotations

import errno
import os
import stat

from runtime.errors import ImageError

PREFIX = ".wh."  # image-spec layer.md, *Whiteouts*
OPAQUE_MARKER = ".wh..wh..opq"

_OWN = ("trusted.overlay.", "user.overlay.")


def attribute(name: str) -> str:
    """The extended attribute in which this user's overlays keep a note."""
    return f"{_OWN[os.geteuid() != 0]}{name}"


def is_note(name: str) -> bool:
    """Whether an extended attribute is a note of overlayfs: never taken from an image, never put into one."""
    return name.startswith(_OWN)


def make_whiteout(name: str, parent: int) -> None:
    """Note in an open directory that a name is gone.

    Raises
    ------
    ImageError
        The file system, or a kernel before 5.8 for a user, does not allow it.
    """
    try:
        os.mknod(name, stat.S_IFCHR, os.makedev(0, 0), dir_fd=parent)
    except OSError as error:
        hint = "run as root, or with Linux 5.8 or later" if error.errno == errno.EPERM else ""
        raise ImageError("note as deleted", name, str(error.strerror).lower(), hint) from error


def is_whiteout(status: os.stat_result) -> bool:
    """Whether a file is the note that its name is gone."""
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


def mark_opaque(directory: int) -> None:
    """Note that an open directory hides what it covers.

    Raises
    ------
    ImageError
        The file system has no such attributes.
    """
    try:
        os.setxattr(directory, attribute("opaque"), b"y")
    except OSError as error:
        reason = f"overlayfs' notes cannot be kept here: {str(error.strerror).lower()}"
        raise ImageError("unpack layer into", os.readlink(f"/proc/self/fd/{directory}"), reason) from error


def is_opaque(directory: int) -> bool:
    """Whether an open directory hides what it covers.

    Raises
    ------
    ImageError
        The directory was renamed by an overlay that keeps a redirection, which only a mount can follow.
    """
    if _note(directory, "redirect"):
        path = os.readlink(f"/proc/self/fd/{directory}")
        raise ImageError("read layer", path, "it holds a renamed directory", "mount overlays with redirect_dir=off")
    return _note(directory, "opaque") == b"y"


def _note(directory: int, name: str) -> bytes:
    try:
        return os.getxattr(directory, attribute(name))
    except OSError as error:
        if error.errno in (errno.ENODATA, errno.ENOTSUP):
            return b""
        raise
