"""Layers: tar archives made the same way every time, and unpacked without ever leaving their folder."""

from __future__ import annotations

import gzip
import io
import os
import stat
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath

from runtime.errors import ImageError


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a layer to make.

    Attributes
    ----------
    path : str
        Relative to the root, without ``..``.
    mode : int
        File type and permission bits, as st_mode: a directory, a regular file or a symbolic link.
    data : bytes
        Content of a file, or target of a symbolic link.
    """

    path: str
    mode: int
    data: bytes = b""


def pack_layer(entries: Iterable[Entry]) -> bytes:
    """Make an uncompressed layer; the same entries give the same bytes, owned by root and dated 1970.

    Returns
    -------
    bytes
        A POSIX (pax) archive in order of path.
    """
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in sorted(entries, key=lambda e: e.path):
            member = tarfile.TarInfo(entry.path)
            member.mode = stat.S_IMODE(entry.mode)
            if stat.S_ISDIR(entry.mode):
                member.type = tarfile.DIRTYPE
            elif stat.S_ISLNK(entry.mode):
                member.type, member.linkname = tarfile.SYMTYPE, entry.data.decode()
            else:
                member.size = len(entry.data)
            archive.addfile(member, io.BytesIO(entry.data))
    return buffer.getvalue()


def compress(archive: bytes) -> bytes:
    """Compress a layer with gzip, without a time stamp: the same layer gives the same bytes."""
    return gzip.compress(archive, compresslevel=6, mtime=0)


def unpack_layer(archive: bytes, folder: str) -> None:
    """Unpack an uncompressed layer of directories, files and links into an existing folder.

    Each member's parent is opened component by component without following symbolic links, and the member is made
    relative to that descriptor, so no member can be written outside the folder, whatever the archive says.

    Raises
    ------
    ImageError
        A member that climbs out, lies below a symbolic link, or is of a kind that is not supported; the folder is
        then to be thrown away whole.
    """
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as members:
            for member in members:
                _unpack_member(members, member, root)
    except tarfile.TarError as error:
        raise ImageError("unpack layer", folder, f"not a tar archive: {error}") from error
    finally:
        os.close(root)


def _components(path: str) -> tuple[str, ...]:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts:
        raise ImageError("unpack layer member", path, "it lies outside the root", "do not use this image")
    return parts


def _open_parent(root: int, parts: tuple[str, ...], path: str) -> int:
    current = os.dup(root)
    for part in parts:
        try:
            below = os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=current)
        except OSError as error:
            reason = "a parent is missing, or a symbolic link"
            raise ImageError("unpack layer member", path, reason, "do not use this image") from error
        finally:
            os.close(current)
        current = below
    return current


def _unpack_member(members: tarfile.TarFile, member: tarfile.TarInfo, root: int) -> None:
    if member.isdir() and PurePosixPath(member.name).parts in ((), (".",)):
        return
    *above, name = _components(member.name)
    parent = _open_parent(root, tuple(above), member.name)
    try:
        if member.isdir():
            os.mkdir(name, 0o755, dir_fd=parent)
        elif member.issym():
            os.symlink(member.linkname, name, dir_fd=parent)
            return
        elif member.islnk():
            *target_above, target = _components(member.linkname)
            beside = _open_parent(root, tuple(target_above), member.linkname)
            try:
                os.link(target, name, src_dir_fd=beside, dst_dir_fd=parent, follow_symlinks=False)
            finally:
                os.close(beside)
            return
        elif member.isreg():
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            content = members.extractfile(member)
            assert content is not None
            with os.fdopen(os.open(name, flags, 0o600, dir_fd=parent), "wb") as file:
                file.write(content.read())
        else:
            raise ImageError("unpack layer member", member.name, "it is neither file, directory nor link")
        # fchmodat cannot refuse to follow links, but what was just made here is none
        os.chmod(name, member.mode, dir_fd=parent)
    finally:
        os.close(parent)
