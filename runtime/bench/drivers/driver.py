"""What every driver has in common: a name, and a launch that ends when nothing of it is left."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, Self


@dataclass(frozen=True, slots=True)
class Stage:
    """A named part of a launch; nanoseconds since its request."""

    name: str
    start_ns: int
    duration_ns: int


@dataclass(frozen=True, slots=True)
class Sample:
    """One timed launch.

    Attributes
    ----------
    duration_ns : int
        From the request until the program was reaped and everything cleaned up.
    stages : tuple of Stage
        In order of start; empty where the driver cannot be looked into.
    """

    duration_ns: int
    stages: tuple[Stage, ...] = ()


class Driver(Protocol):
    """Something that launches ``true`` from the host image, in isolation as stated.

    Attributes
    ----------
    name : str
        As on the command line.
    technology : str
        As in the records: process or container.
    differs : str
        What it does more or less than tare's plan; empty when it does just the same.
    """

    name: str
    technology: str
    differs: str

    def launch(self) -> Sample:
        """Launch once, wait until nothing is left, and say how long it took.

        Raises
        ------
        BenchError
            The launch failed.
        """

    def __enter__(self) -> Self:
        """Make what launches need, before any clock runs."""

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Remove all that was made."""
