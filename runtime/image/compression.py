"""Compressed streams: recognised by their first bytes, read piece by piece, never whole."""

from __future__ import annotations

import bz2
import hashlib
import io
import lzma
import queue
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Protocol, cast

from runtime.errors import ImageError

_READ_BYTES = 256 << 10
_PIECE_BYTES = 1 << 20  # a piece of a bomb is no larger than an honest one
_PIECES_AHEAD = 4


class Readable(Protocol):
    """What a stream is read from."""

    def read(self, size: int, /) -> bytes:
        """Return up to so many bytes; none at the end."""


def inflate(source: Readable, subject: str) -> Iterator[bytes]:
    """Decompress gzip, zstd, bzip2 or xz, or pass through what is none of them.

    Parameters
    ----------
    source : file-like
        Compressed or plain bytes.
    subject : str
        What it is, for errors.

    Yields
    ------
    bytes
        Plain content, at most 1 MiB at once.

    Raises
    ------
    ImageError
        The stream is damaged or ends early.
    """
    head = b""
    while len(head) < 6 and (more := source.read(_READ_BYTES)):
        head += more
    joined = cast(IO[bytes], _Joined(head, source))
    try:
        if head[:2] == b"\x1f\x8b":
            yield from _gunzip(head, source)
        elif head[:4] == b"\x28\xb5\x2f\xfd":
            yield from _unzstd(joined)
        elif head[:3] == b"BZh":
            yield from _pieces(bz2.BZ2File(joined))
        elif head[:6] == b"\xfd7zXZ\0":
            yield from _pieces(lzma.LZMAFile(joined))  # noqa: SIM115  closed there
        else:
            yield head
            while piece := source.read(_PIECE_BYTES):
                yield piece
    except (zlib.error, lzma.LZMAError, EOFError, ValueError) as error:
        raise ImageError("decompress", subject, str(error).lower() or "it ends early", "get it again") from error


def _gunzip(data: bytes, source: Readable) -> Iterator[bytes]:
    while data:  # RFC 1952: one member or several
        member = zlib.decompressobj(wbits=31)
        while not member.eof:
            if not data and not (data := source.read(_READ_BYTES)):
                raise EOFError("it ends early")
            if piece := member.decompress(data, _PIECE_BYTES):
                yield piece
            data = member.unconsumed_tail
        data = member.unused_data or source.read(_READ_BYTES)
        data = data.lstrip(b"\0")  # padding, as tape drives leave it


def _unzstd(source: IO[bytes]) -> Iterator[bytes]:
    import zstandard  # 2 MiB, for the few images that need it

    try:
        with zstandard.ZstdDecompressor().stream_reader(source, read_across_frames=True) as reader:
            while piece := reader.read(_PIECE_BYTES):
                yield piece
    except zstandard.ZstdError as error:
        raise ValueError(str(error)) from error


def _pieces(reader: bz2.BZ2File | lzma.LZMAFile) -> Iterator[bytes]:
    with reader:
        while piece := reader.read(_PIECE_BYTES):
            yield piece


class _Joined(io.RawIOBase):
    """Bytes that were read already, and the rest."""

    def __init__(self, head: bytes, rest: Readable) -> None:
        self._head = head
        self._rest = rest

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        wanted = size if size >= 0 else _READ_BYTES
        if self._head:
            data, self._head = self._head[:wanted], self._head[wanted:]
            return data
        return self._rest.read(wanted)


class HashedStream:
    """A stream decompressed and hashed by another thread while this one reads it; made by `read_ahead`.

    It can be told where it is and be moved on, which is what `tarfile` wants of a file.
    """

    def __init__(self, pieces: queue.Queue[bytes | BaseException]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")
        self._ended = False
        self._position_bytes = 0
        self.digest = hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        """Return so many bytes, or what is left.

        Raises
        ------
        ImageError
            As `inflate`.
        """
        taken = self._take(size)
        if len(taken) == size or not taken:
            return bytes(taken)
        parts = [taken]  # a read that crosses pieces: tarfile expects all that it asks for
        missing = size - len(taken)
        while missing > 0 and (taken := self._take(missing)):
            parts.append(taken)
            missing -= len(taken)
        return b"".join(parts)

    def _take(self, size: int) -> memoryview:
        if not self._rest and not self._ended:
            piece = self._pieces.get()
            if isinstance(piece, BaseException):
                self._ended = True
                raise piece
            self._ended = not piece
            self._rest = memoryview(piece)
        taken, self._rest = self._rest[:size], self._rest[size:]
        self._position_bytes += len(taken)
        return taken

    def tell(self) -> int:
        """Return how many bytes were read."""
        return self._position_bytes

    def seek(self, position: int, /) -> int:
        """Read on to a position and return it; there is no way back.

        Raises
        ------
        ImageError
            The position lies behind.
        """
        if position < self._position_bytes:
            raise ImageError("read stream", str(position), "it can only be read forward")
        while self._position_bytes < position and self._take(position - self._position_bytes):
            pass
        return self._position_bytes

    def drain(self) -> str:
        """Read what is left and return the digest of the whole."""
        while self._take(_PIECE_BYTES):
            pass
        return f"sha256:{self.digest.hexdigest()}"


@contextmanager
def read_ahead(source: Readable, subject: str) -> Iterator[HashedStream]:
    """Decompress in a thread of its own, some pieces ahead: zlib and SHA-256 run beside the reader's system calls."""
    pieces: queue.Queue[bytes | BaseException] = queue.Queue(_PIECES_AHEAD)
    stream = HashedStream(pieces)
    abandoned = threading.Event()

    def work() -> None:
        try:
            for piece in inflate(source, subject):
                stream.digest.update(piece)
                if piece:
                    pieces.put(piece)
                if abandoned.is_set():
                    return
            pieces.put(b"")
        except BaseException as error:
            pieces.put(error)

    worker = threading.Thread(target=work, name="decompress")
    worker.start()
    try:
        yield stream
    finally:
        abandoned.set()
        while worker.is_alive():  # it may be waiting for room
            try:
                pieces.get(timeout=0.01)
            except queue.Empty:
                worker.join(0.01)
