"""Layers unpacked for overlayfs, without ever leaving their folder and without ever being whole in memory.

Each member's parent is opened component by component without following symbolic links, and the member is made
relative to that descriptor, so no member can be written outside the folder, whatever the archive says.
"""

from __future__ import annotations

import errno
import io
import os
import shutil
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, NoReturn, Protocol, cast

from runtime.errors import ImageError
from runtime.image.whiteout import OPAQUE_MARKER, PREFIX, is_note, is_whiteout, make_whiteout, mark_opaque

_EXTENSIONS = (
    tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK,
)  # fmt: skip
_EXTENSION_LIMIT_BYTES = 1 << 20  # tarfile reads them into memory; names and attributes need no more
_COPY_BYTES = 1 << 20
_XATTR = "SCHILY.xattr."

Parts = tuple[str, ...]


class Forward(Protocol):
    """A stream that knows where it is and can be moved on."""

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, or what is left."""

    def tell(self) -> int:
        """Return the position."""

    def seek(self, position: int, /) -> int:
        """Move on to a position."""


@dataclass(frozen=True, slots=True)
class Unpacked:
    """What unpacking a layer gave.

    Attributes
    ----------
    size_bytes : int
        Sum of the files' sizes, as Docker counts an image's size.
    skipped : tuple of str
        Paths of device nodes, which only root can make.
    """

    size_bytes: int
    skipped: tuple[str, ...]


def unpack_layer(archive: bytes | Forward, folder: str) -> Unpacked:
    """Unpack an uncompressed layer into an empty folder; whiteouts become what this user's overlays understand.

    As root, owners, device nodes and privileged attributes are kept. As another user everything belongs to that user,
    and device nodes are left out.

    Raises
    ------
    ImageError
        A member that climbs out, lies below a symbolic link, or is of a kind that is not supported; the folder is
        then to be thrown away whole.
    """
    stream = io.BytesIO(archive) if isinstance(archive, bytes) else archive
    root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    unpacker = _Unpacker(root)
    try:
        for content, member in members(stream, folder):
            try:
                unpacker.add(content, member)
            except (OSError, ValueError, OverflowError, tarfile.TarError) as error:
                reason = str((isinstance(error, OSError) and error.strerror) or error).lower()
                raise ImageError("unpack layer member", member.name, reason) from error
        unpacker.finish()
        return Unpacked(unpacker.size_bytes, tuple(unpacker.skipped))
    finally:
        unpacker.close()
        os.close(root)


def members(stream: Forward, subject: str) -> Iterator[tuple[tarfile.TarFile, tarfile.TarInfo]]:
    """Members of an archive in order, each with the archive to read its content from before the next is asked for.

    Raises
    ------
    ImageError
        Not a tar archive.
    """
    try:
        with tarfile.open(fileobj=cast(IO[bytes], stream), mode="r:", tarinfo=_BoundedHeader) as archive:
            while (member := archive.next()) is not None:
                yield archive, member
                archive.members = []  # type: ignore[attr-defined]  # tarfile would remember all of them
    except (tarfile.TarError, RecursionError, UnicodeError) as error:
        raise ImageError("unpack layer", subject, f"not a tar archive: {error}", "get the image again") from error


class _BoundedHeader(tarfile.TarInfo):
    """A header that refuses an extension too large to be read into memory."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _BoundedHeader:
        """Parse a header block."""
        member = super().frombuf(buf, encoding, errors)
        if member.size < 0 or (member.type in _EXTENSIONS and member.size > _EXTENSION_LIMIT_BYTES):
            raise tarfile.ReadError(f"a header extension of {member.size} bytes")
        return member


def _refuse(path: str, reason: str) -> NoReturn:
    raise ImageError("unpack layer member", path, reason, "do not use this image")


def split(path: str) -> Parts:
    """Components of a member's name; none for the root.

    Raises
    ------
    ImageError
        It is absolute or climbs.
    """
    parts = tuple(part for part in path.split("/") if part not in ("", "."))
    if path.startswith("/") or ".." in parts:
        _refuse(path, "it lies outside the root")
    return parts


class _Unpacker:
    """The state of one unpacking."""

    def __init__(self, root: int) -> None:
        self._root = root
        self._privileged = os.geteuid() == 0
        self._directories: dict[Parts, tarfile.TarInfo] = {}  # finished last: files change their times
        self._hidden: set[Parts] = set()  # names with a whiteout in this layer
        self._parent: tuple[Parts, int] | None = None  # the last one opened; members come in order mostly
        self.size_bytes = 0
        self.skipped: list[str] = []
        os.fchmod(root, 0o755)

    def add(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        parts = split(member.name)
        if not parts:
            if not member.isdir():
                _refuse(member.name, "it is the root, and not a directory")
            self._directories[()] = member
            return
        name = parts[-1]
        parent = self._open_parent(parts[:-1], member.name)
        if name.startswith(PREFIX):
            self._hide(parts, parent, member)
            return
        if member.isdir():
            self._make_directory(parts, parent, member)
            return
        self._clear(parts, parent)
        if member.issym():
            os.symlink(member.linkname, name, dir_fd=parent)
        elif member.islnk():
            self._link(member, name, parent)
            return  # it has the metadata of what it links to
        elif member.isreg():
            self._write(archive, member, name, parent)
            return
        elif member.ischr() or member.isblk():
            if not self._privileged:
                self.skipped.append("/".join(parts))
                return
            kind = stat.S_IFCHR if member.ischr() else stat.S_IFBLK
            os.mknod(name, kind | 0o600, os.makedev(member.devmajor, member.devminor), dir_fd=parent)
        else:
            _refuse(member.name, "it is neither file, directory, link nor device")
        self._finish(name, parent, member)

    def finish(self) -> None:
        """Give the directories their modes and times, the deepest first."""
        for parts, member in sorted(self._directories.items(), key=lambda item: len(item[0]), reverse=True):
            if parts:
                self._finish(parts[-1], self._open_parent(parts[:-1], member.name), member)
            else:
                self._finish(".", self._root, member)

    def close(self) -> None:
        if self._parent is not None:
            os.close(self._parent[1])
            self._parent = None

    def _open_parent(self, parts: Parts, path: str) -> int:
        if self._parent is not None and self._parent[0] == parts:
            return self._parent[1]
        self.close()
        current = self._open_below(parts, path, make=True)
        self._parent = (parts, current)
        return current

    def _open_below(self, parts: Parts, path: str, *, make: bool) -> int:
        current = os.dup(self._root)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
        for part in parts:
            try:
                try:
                    below = os.open(part, flags, dir_fd=current)
                except FileNotFoundError:
                    if not make:
                        raise
                    os.mkdir(part, 0o755, dir_fd=current)  # as Docker does for archives that leave it out
                    below = os.open(part, flags, dir_fd=current)
            except OSError as error:
                if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
                    _refuse(path, "a parent is missing, or is not a directory, or a symbolic link")
                raise
            finally:
                os.close(current)
            current = below
        return current

    def _clear(self, parts: Parts, parent: int) -> None:
        """Remove what an earlier member of the same name made; the later one counts."""
        try:
            os.unlink(parts[-1], dir_fd=parent)
        except FileNotFoundError:
            return
        except IsADirectoryError:
            shutil.rmtree(parts[-1], dir_fd=parent)
            self._forget(parts)

    def _forget(self, parts: Parts) -> None:
        depth = len(parts)
        for known in [known for known in self._directories if known[:depth] == parts]:
            del self._directories[known]

    def _hide(self, parts: Parts, parent: int, member: tarfile.TarInfo) -> None:
        name = parts[-1]
        if name == OPAQUE_MARKER:
            mark_opaque(parent)
            return
        if name.startswith(PREFIX * 2):
            return  # aufs kept notes of its own in layers; Docker leaves them out too
        hidden = name.removeprefix(PREFIX)
        if hidden in ("", ".", ".."):
            _refuse(member.name, "it deletes no name")
        self._hidden.add((*parts[:-1], hidden))
        try:
            status = os.stat(hidden, dir_fd=parent, follow_symlinks=False)
        except FileNotFoundError:
            make_whiteout(hidden, parent)
            return
        if stat.S_ISDIR(status.st_mode):  # the layer puts a new directory in the old one's place
            self._mark_opaque(hidden, parent)

    def _mark_opaque(self, name: str, parent: int) -> None:
        directory = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
        try:
            mark_opaque(directory)
        finally:
            os.close(directory)

    def _make_directory(self, parts: Parts, parent: int, member: tarfile.TarInfo) -> None:
        name = parts[-1]
        try:
            os.mkdir(name, 0o700, dir_fd=parent)
        except FileExistsError:
            status = os.stat(name, dir_fd=parent, follow_symlinks=False)
            if not stat.S_ISDIR(status.st_mode):
                os.unlink(name, dir_fd=parent)
                os.mkdir(name, 0o700, dir_fd=parent)
                if is_whiteout(status) and parts in self._hidden:
                    self._mark_opaque(name, parent)
        self._directories[parts] = member

    def _link(self, member: tarfile.TarInfo, name: str, parent: int) -> None:
        target = split(member.linkname)
        if not target:
            _refuse(member.name, "it links to the root")
        beside = self._open_below(target[:-1], member.linkname, make=False)
        try:
            os.link(target[-1], name, src_dir_fd=beside, dst_dir_fd=parent, follow_symlinks=False)
        finally:
            os.close(beside)

    def _write(self, archive: tarfile.TarFile, member: tarfile.TarInfo, name: str, parent: int) -> None:
        content = archive.extractfile(member)
        assert content is not None
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, 0o600, dir_fd=parent), "wb") as file:
            shutil.copyfileobj(content, file, _COPY_BYTES)
            file.flush()
            descriptor = file.fileno()
            if self._privileged:
                os.fchown(descriptor, member.uid, member.gid)
            os.fchmod(descriptor, stat.S_IMODE(member.mode))
            self._set_attributes(f"/proc/self/fd/{descriptor}", member, follow=True)
            os.utime(descriptor, ns=(_time_ns(member), _time_ns(member)))
        self.size_bytes += member.size

    def _finish(self, name: str, parent: int, member: tarfile.TarInfo) -> None:
        """Owner, then mode, since a change of owner takes set-user-ID and capabilities away; times last."""
        if self._privileged:
            os.chown(name, member.uid, member.gid, dir_fd=parent, follow_symlinks=False)
        if not member.issym():
            os.chmod(name, stat.S_IMODE(member.mode), dir_fd=parent)  # made here, so it is no link
        self._set_attributes(f"/proc/self/fd/{parent}/{name}", member, follow=False)
        os.utime(name, ns=(_time_ns(member), _time_ns(member)), dir_fd=parent, follow_symlinks=False)

    def _set_attributes(self, path: str, member: tarfile.TarInfo, *, follow: bool) -> None:
        for key, value in member.pax_headers.items():
            if not key.startswith(_XATTR) or is_note(name := key.removeprefix(_XATTR)):
                continue
            try:
                os.setxattr(path, name, value.encode("utf-8", "surrogateescape"), follow_symlinks=follow)
            except OSError as error:
                # unknown to this file system, or a user's overlay; Docker goes on too
                if error.errno != errno.ENOTSUP and (self._privileged or error.errno != errno.EPERM):
                    raise


def _time_ns(member: tarfile.TarInfo) -> int:
    return int(member.mtime * 1_000_000_000)
