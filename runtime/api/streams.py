"""The encodings of Docker's streams: multiplexed output, lines of output and failure, events. Pure.

Lines of progress are `runtime.image.progress.Progress` by `runtime.api.message.encode_json`.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from enum import IntEnum
from typing import Any

from runtime.api.message import encode_json
from runtime.engine.events import Event
from runtime.errors import SpecError

_FRAME = struct.Struct(">BxxxI")
FRAME_HEADER_BYTES = _FRAME.size
FRAME_BYTES_MAX = 1 << 24  # no engine sends larger ones; a wrong stream would claim up to 4 GiB


class Channel(IntEnum):
    """Which stream of a container a frame belongs to: the first byte of its header."""

    STDIN = 0
    STDOUT = 1
    STDERR = 2


def encode_frame(channel: Channel, data: bytes) -> bytes:
    r"""Put a header before output: one byte of channel, three of zero, four of length, the highest first.

    Used for attach, exec and logs of what has no terminal; with a terminal, bytes are sent as they are.

    Examples
    --------
    >>> encode_frame(Channel.STDERR, b"no")
    b'\x02\x00\x00\x00\x00\x00\x00\x02no'
    """
    return _FRAME.pack(channel, len(data)) + data


class FrameDecoder:
    """Takes frames apart again, whatever pieces they arrive in."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Channel, bytes]]:
        """Add what arrived, and yield the frames that are whole.

        Raises
        ------
        SpecError
            No header, or a frame of more than 16 MiB.
        """
        self._pending += data
        while len(self._pending) >= FRAME_HEADER_BYTES:
            number, length_bytes = _FRAME.unpack_from(self._pending)
            if number > Channel.STDERR or any(self._pending[1:4]) or length_bytes > FRAME_BYTES_MAX:
                header = self._pending[:FRAME_HEADER_BYTES].hex()
                raise SpecError("read multiplexed stream", header, "not a frame header", "is it a terminal's stream?")
            end = FRAME_HEADER_BYTES + length_bytes
            if len(self._pending) < end:
                return
            frame = bytes(self._pending[FRAME_HEADER_BYTES:end])
            del self._pending[:end]
            yield Channel(number), frame

    @property
    def rest(self) -> bytes:
        """What has arrived of a frame that is not yet whole."""
        return bytes(self._pending)


def encode_output(text: str) -> bytes:
    """Encode one piece of output for the user to read, as build and load send it."""
    return encode_json({"stream": text})


def encode_failure(message: str, code: int | None = None) -> bytes:
    """Encode the line that ends a stream of progress which failed after it had begun.

    Parameters
    ----------
    message : str
        What the user is told.
    code : int, optional
        Exit code of a build's step, 1 to 255; the client exits with it.
    """
    detail: dict[str, Any] = {"message": message} if code is None else {"code": code, "message": message}
    return encode_json({"errorDetail": detail, "error": message})


def encode_event(event: Event) -> bytes:
    """Encode one event, as ``/events`` sends it."""
    return encode_json(event.to_dict())
