"""Layers made from listed entries: the same entries give the same bytes. Unpacking is in `runtime.image.unpack`."""

from __future__ import annotations

import gzip
import io
import stat
import tarfile
from collections.abc import Iterable
from dataclasses import dataclass

from runtime.image.unpack import unpack_layer

__all__ = ["Entry", "compress", "pack_layer", "unpack_layer"]


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
