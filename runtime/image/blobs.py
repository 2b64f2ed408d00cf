"""Content by digest: the ``blobs`` of an OCI image layout (image-layout.md), and what is on its way to become one.

::

    ROOT/blobs/sha256/HEX   whole and verified: nothing gets this name before its size and digest are right
    ROOT/parts/HEX          begun; kept when a download breaks off, and continued by the next
    ROOT/parts/.NAME        content whose digest is not known yet; removed when its writer ends

Whoever holds the lock (flock(2)) of a part writes it, so two pulls of one layer, in one process or in two, download
it once: the second waits, then finds the blob.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from runtime.errors import ImageError
from runtime.spec.digest import digest_hex, sha256_digest
from runtime.spec.image import DOCUMENT_LIMIT_BYTES, Descriptor

CHUNK_BYTES = 1 << 20

Fetch = Callable[[int], tuple[int, Iterable[bytes]]]  # from an offset: where the answer really begins, and its content


class BlobStore:
    """The blobs below one folder.

    Parameters
    ----------
    root : pathlib.Path
        Made when absent.
    """

    def __init__(self, root: Path) -> None:
        self._blobs = root / "blobs" / "sha256"
        self._parts = root / "parts"
        self._blobs.mkdir(parents=True, exist_ok=True)
        self._parts.mkdir(mode=0o700, exist_ok=True)

    def path(self, digest: str) -> Path:
        """Where a blob lies once it is whole.

        Raises
        ------
        ImageError
            Not a digest.
        """
        return self._blobs / digest_hex(digest)

    def has(self, descriptor: Descriptor) -> bool:
        """Whether a blob is there, with the size that the descriptor says."""
        try:
            return self.path(descriptor.digest).stat().st_size == descriptor.size_bytes
        except FileNotFoundError:
            return False

    def put(self, data: bytes, media_type: str) -> Descriptor:
        """Store a document and return what points at it."""
        descriptor = Descriptor(media_type, sha256_digest(data), len(data))
        if not self.has(descriptor):
            self.write_whole(self.path(descriptor.digest), data)
        return descriptor

    def write_whole(self, path: Path, data: bytes) -> None:
        """Write a small file so that its name never shows half of it, whenever this machine stops."""
        descriptor, part = tempfile.mkstemp(dir=self._parts, prefix=".")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(part, 0o644)
            os.replace(part, path)
        except BaseException:
            _unlink(part)
            raise

    @contextlib.contextmanager
    def writer(self) -> Iterator[BlobWriter]:
        """Write a blob whose digest is not known yet; call ``finish`` on what this gives, or nothing is kept."""
        descriptor, part = tempfile.mkstemp(dir=self._parts, prefix=".")
        with _explained("write blob", part), os.fdopen(descriptor, "wb") as file, contextlib.ExitStack() as undo:
            fcntl.flock(file, fcntl.LOCK_EX)  # `sweep` leaves it alone
            undo.callback(_unlink, part)
            yield BlobWriter(file, part, self._blobs)

    def read(self, descriptor: Descriptor) -> bytes:
        """Read a document, its size and digest verified.

        Raises
        ------
        ImageError
            Absent, larger than `DOCUMENT_LIMIT_BYTES`, or not what the digest says.
        """
        if descriptor.size_bytes > DOCUMENT_LIMIT_BYTES:
            raise ImageError("read blob", descriptor.digest, f"larger than {DOCUMENT_LIMIT_BYTES} bytes")
        with self.open(descriptor) as file:
            data = file.read(descriptor.size_bytes + 1)
        if len(data) != descriptor.size_bytes or sha256_digest(data) != descriptor.digest:
            raise ImageError("read blob", descriptor.digest, "its content does not match its digest", "remove the file")
        return data

    def open(self, descriptor: Descriptor) -> BinaryIO:
        """Open a blob; its content is not verified.

        Raises
        ------
        ImageError
            Absent, or it cannot be read.
        """
        try:
            return self.path(descriptor.digest).open("rb", buffering=0)
        except OSError as error:
            reason = str(error.strerror).lower()
            raise ImageError("read blob", descriptor.digest, reason, "pull the image again") from error

    def receive(self, descriptor: Descriptor, fetch: Fetch, report: Callable[[int], None]) -> bool:
        """Get a blob from elsewhere, unless it is there; what an earlier attempt got is kept and continued.

        Parameters
        ----------
        fetch : callable
            Given how many bytes are there, returns the offset at which its answer begins (this one, or 0 when the
            source cannot continue) and the content.
        report : callable
            Told how many bytes there are, now and then.

        Returns
        -------
        bool
            Whether this call got it; False when it was there or another one got it meanwhile.

        Raises
        ------
        TruncatedError
            The source ended early; what came is kept.
        ImageError
            What came is not what the digest says: it is thrown away.
        """
        part = self._parts / digest_hex(descriptor.digest)
        with _explained("receive blob", descriptor.digest), contextlib.ExitStack() as stack:
            while True:
                if self.has(descriptor):
                    return False
                file = stack.enter_context(open(os.open(part, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644), "r+b", 0))
                fcntl.flock(file, fcntl.LOCK_EX)
                if _is_at(file.fileno(), part):  # else whoever held it made it the blob
                    if self.has(descriptor):  # as somebody did between the look and the opening
                        _unlink(part)
                        return False
                    break
            begun = os.fstat(file.fileno()).st_size
            try:
                self._fill(file, descriptor, fetch, report)
            except _MismatchError:
                if not begun:
                    _unlink(part)
                    raise
                file.truncate(0)  # the fault may lie in what an earlier attempt left: once more from the start
                try:
                    self._fill(file, descriptor, fetch, report)
                except _MismatchError:
                    _unlink(part)
                    raise
            finally:
                if not file.seek(0, os.SEEK_END):
                    _unlink(part)
            os.rename(part, self.path(descriptor.digest))
        return True

    def _fill(self, file: BinaryIO, descriptor: Descriptor, fetch: Fetch, report: Callable[[int], None]) -> None:
        total = hashlib.sha256()
        file.seek(0)
        size = 0
        while chunk := file.read(CHUNK_BYTES):
            total.update(chunk)
            size += len(chunk)
        if size < descriptor.size_bytes:
            start, content = fetch(size)
            if start != size:
                total, size = hashlib.sha256(), 0
                file.seek(0)
                file.truncate()
            for chunk in content:
                size += len(chunk)
                if size > descriptor.size_bytes:
                    break
                file.write(chunk)
                total.update(chunk)
                report(size)
        if size < descriptor.size_bytes:
            reason = f"it ended after {size} of {descriptor.size_bytes} bytes"
            raise TruncatedError("receive blob", descriptor.digest, reason, "pull again: it continues where it stopped")
        if size != descriptor.size_bytes or f"sha256:{total.hexdigest()}" != descriptor.digest:
            raise _MismatchError(
                "receive blob", descriptor.digest, "what the registry sent does not match the digest", "pull again"
            )

    def verify(self, descriptor: Descriptor) -> str | None:
        """Read a blob whole and say what is wrong with it; None when nothing is."""
        digest = hashlib.sha256()
        try:
            with self.path(descriptor.digest).open("rb", buffering=0) as file:
                size = 0
                while chunk := file.read(CHUNK_BYTES):
                    digest.update(chunk)
                    size += len(chunk)
        except OSError as error:
            return f"blob {descriptor.digest}: {str(error.strerror).lower()}"
        if size != descriptor.size_bytes:
            return f"blob {descriptor.digest}: has {size} of {descriptor.size_bytes} bytes"
        if f"sha256:{digest.hexdigest()}" != descriptor.digest:
            return f"blob {descriptor.digest}: its content does not match its digest"
        return None

    def sweep(self, kept: frozenset[str]) -> None:
        """Remove the blobs whose digests are not to be kept, and parts that nobody writes.

        The caller sees to it that no image is being put together meanwhile.
        """
        for path in self._blobs.iterdir():
            if f"sha256:{path.name}" not in kept:
                path.unlink(missing_ok=True)
        for path in self._parts.iterdir():
            with contextlib.suppress(FileNotFoundError), path.open("rb") as file, contextlib.suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink(missing_ok=True)


class BlobWriter:
    """A blob being written; made by `BlobStore.writer`."""

    def __init__(self, file: BinaryIO, part: str, blobs: Path) -> None:
        self._file = file
        self._part = part
        self._blobs = blobs
        self._digest = hashlib.sha256()
        self._size_bytes = 0

    def write(self, data: bytes) -> int:
        """Append; returns the number of bytes."""
        self._file.write(data)
        self._digest.update(data)
        self._size_bytes += len(data)
        return len(data)

    def finish(self, media_type: str, expected: str | None = None) -> Descriptor:
        """Give the blob its name.

        Parameters
        ----------
        expected : str or None
            The digest that it must have, when one was promised.

        Raises
        ------
        ImageError
            It has another.
        """
        digest = f"sha256:{self._digest.hexdigest()}"
        if expected is not None and digest != expected:
            raise ImageError("write blob", expected, f"its content has the digest {digest}", "get the archive again")
        self._file.flush()
        os.chmod(self._part, 0o644)
        os.rename(self._part, self._blobs / digest_hex(digest))
        return Descriptor(media_type, digest, self._size_bytes)


class TruncatedError(ImageError):
    """A source ended before all had come."""


class _MismatchError(ImageError):
    """All has come, and it is not what the digest says."""


@contextlib.contextmanager
def _explained(operation: str, subject: str) -> Iterator[None]:
    """Turn what the file system refuses, such as to fill a full disk, into an error that the user understands."""
    try:
        yield
    except OSError as error:
        raise ImageError(operation, subject, str(error.strerror or error).lower(), "is the disk full?") from error


def _is_at(descriptor: int, path: Path) -> bool:
    """Whether an open file still has this name."""
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _unlink(path: str | Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
