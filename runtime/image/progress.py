"""What a pull or a push tells while it goes on, in the words of Docker's progress records."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from runtime.errors import EngineError
from runtime.spec.digest import digest_hex
from runtime.spec.image import Descriptor

_SHOWN_DIGITS = 12
_INTERVAL_SECONDS = 0.1  # as Docker: more often cannot be read anyway


@dataclass(frozen=True, slots=True)
class Progress:
    """One record.

    Attributes
    ----------
    status : str
        Such as ``Downloading``.
    id : str
        Short id of a layer, or a tag; empty for what concerns the whole.
    current_bytes, total_bytes : int or None
        How far it has come.
    aux : dict or None
        The result, at the end of a push.
    """

    status: str
    id: str = ""
    current_bytes: int | None = None
    total_bytes: int | None = None
    aux: dict[str, Any] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form of the Docker Engine API."""
        if self.aux is not None:
            return {"progressDetail": {}, "aux": self.aux}
        document: dict[str, Any] = {"status": self.status}
        if self.current_bytes is not None:
            document["progressDetail"] = {"current": self.current_bytes, "total": self.total_bytes}
        elif self.id:
            document["progressDetail"] = {}
        return document | ({"id": self.id} if self.id else {})


Report = Callable[[Progress], None]


def ignore(_progress: Progress) -> None:
    """Report to nobody."""


class Reporter:
    """Passes records of several threads on, one at a time, and stops the threads when one failed.

    Parameters
    ----------
    report : callable
        Called with each record.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._lock = threading.Lock()
        self._told: dict[tuple[str, str], float] = {}
        self._stopped = threading.Event()

    def tell(self, status: str, layer: Descriptor) -> None:
        """Pass on that a layer's state changed."""
        self._pass(Progress(status, short_id(layer.digest)))

    def advance(self, status: str, layer: Descriptor, current_bytes: int) -> None:
        """Pass on how far a layer is, though not too often.

        Raises
        ------
        EngineError
            `stop` was called.
        """
        if self._stopped.is_set():
            raise EngineError(status.lower(), layer.digest, "another layer failed")
        key, now = (status, layer.digest), time.monotonic()
        if current_bytes < layer.size_bytes and now - self._told.get(key, 0.0) < _INTERVAL_SECONDS:
            return
        self._told[key] = now
        self._pass(Progress(status, short_id(layer.digest), current_bytes, layer.size_bytes))

    def stop(self) -> None:
        """Let the other threads end at their next `advance`."""
        self._stopped.set()

    def _pass(self, progress: Progress) -> None:
        with self._lock:
            self._report(progress)


def short_id(digest: str) -> str:
    """Return the digits that are shown of a digest."""
    return digest_hex(digest)[:_SHOWN_DIGITS]
