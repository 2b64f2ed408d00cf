"""Files of open directories, written as a layer's tar archive: whiteouts, attributes and hard links included."""

from __future__ import annotations

import os
import stat
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Protocol, cast

from runtime.errors import ImageError
from runtime.image.whiteout import OPAQUE_MARKER, PREFIX, is_note

_BUFFER_BYTES = 64 << 10
_KEPT = ("user.", "security.capability", "trusted.")  # the others belong to this machine


class Writable(Protocol):
    """What an archive is written to."""

    def write(self, data: bytes, /) -> int:
        """Append."""


class TreeWriter:
    """An archive being written; made by `tree_writer`."""

    def __init__(self, archive: tarfile.TarFile) -> None:
        self._archive = archive
        self._linked: dict[tuple[int, int], str] = {}  # first name of a file that has several

    def add(self, directory: int, name: str, path: str) -> None:
        """Append what a name in an open directory is; sockets and named pipes live on in no image.

        Parameters
        ----------
        path : str
            Its path in the archive.
        """
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        status = os.stat(name, dir_fd=directory, follow_symlinks=False)
        if not stat.S_ISREG(status.st_mode):
            self._add(path, status, directory, name)
            return
        with open(os.open(name, flags, dir_fd=directory), "rb") as file:
            opened = os.fstat(file.fileno())  # a running container may have changed it meanwhile
            if stat.S_ISREG(opened.st_mode):
                self._add(path, opened, directory, name, file)

    def whiteout(self, path: str) -> None:
        """Append that a path is gone."""
        above, _, name = path.rpartition("/")
        self._append(tarfile.TarInfo(f"{above}/{PREFIX}{name}".lstrip("/")), None)

    def opaque(self, path: str) -> None:
        """Append that a directory hides what it covers."""
        self._append(tarfile.TarInfo(f"{path}/{OPAQUE_MARKER}"), None)

    def _add(
        self, path: str, status: os.stat_result, directory: int, name: str, content: IO[bytes] | None = None
    ) -> None:
        member = tarfile.TarInfo(path)
        member.mode, member.uid, member.gid = stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid
        member.mtime = int(status.st_mtime)  # whole seconds, as Docker: parts of one cost an extension each
        first = path
        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
            first = self._linked.setdefault((status.st_dev, status.st_ino), path)
        if stat.S_ISDIR(status.st_mode):
            member.type = tarfile.DIRTYPE
        elif first != path:
            member.type, member.linkname, content = tarfile.LNKTYPE, first, None
        elif stat.S_ISLNK(status.st_mode):
            member.type, member.linkname = tarfile.SYMTYPE, os.readlink(name, dir_fd=directory)
        elif stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
            member.type = tarfile.CHRTYPE if stat.S_ISCHR(status.st_mode) else tarfile.BLKTYPE
            member.devmajor, member.devminor = os.major(status.st_rdev), os.minor(status.st_rdev)
        elif stat.S_ISREG(status.st_mode):
            member.size = status.st_size
        else:
            return
        member.pax_headers = _attributes(directory, name)
        self._append(member, content)

    def _append(self, member: tarfile.TarInfo, content: IO[bytes] | None) -> None:
        self._archive.addfile(member, content)
        self._archive.members = []  # type: ignore[attr-defined]  # tarfile would remember all of them


def open_archive(sink: Writable) -> tarfile.TarFile:
    """Begin an archive on anything that can be written to."""
    return tarfile.open(fileobj=cast(IO[bytes], sink), mode="w|", format=tarfile.PAX_FORMAT, bufsize=_BUFFER_BYTES)


@contextmanager
def tree_writer(sink: Writable, subject: str) -> Iterator[TreeWriter]:
    """Write an archive, ended when the block is.

    Raises
    ------
    ImageError
        A file cannot be read, or changed while it was read.
    """
    try:
        with open_archive(sink) as archive:
            yield TreeWriter(archive)
    except (OSError, tarfile.TarError, RecursionError) as error:
        name = getattr(error, "filename", None)
        reason = str(getattr(error, "strerror", None) or error).lower()
        raise ImageError("pack", str(name or subject), reason, "pause the container while its files change") from error


def _attributes(directory: int, name: str) -> dict[str, str]:
    path = f"/proc/self/fd/{directory}/{name}"
    try:
        keys = os.listxattr(path, follow_symlinks=False)
    except OSError:  # a file system without them
        return {}
    return {
        f"SCHILY.xattr.{key}": os.getxattr(path, key, follow_symlinks=False).decode("utf-8", "surrogateescape")
        for key in keys
        if key.startswith(_KEPT) and not is_note(key)
    }
