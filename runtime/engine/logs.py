"""A container's log: Docker's json-file, one object a line, written by the monitor and read here."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from pathlib import Path

_BLOCK_BYTES = 1 << 16
_POLL_S = 0.1


@dataclass(frozen=True, slots=True)
class Entry:
    """One logged line, or a part of a very long one.

    Attributes
    ----------
    stream : {"stdout", "stderr"}
        Where it was written.
    time : str
        When, RFC 3339 with nanoseconds, UTC; such texts are in the order of time.
    data : str
        With its line's end, if it had one.
    """

    stream: str
    time: str
    data: str


def parse_entry(line: bytes) -> Entry | None:
    """Parse one line of a log; None for one that is damaged, as the last may be after a crash."""
    try:
        document = json.loads(line)
        return Entry(document["stream"], document["time"], document["log"])
    except (ValueError, KeyError, TypeError):
        return None


def tail_offset(path: Path, lines: int) -> int:
    """Where the last so many entries of a log begin, in bytes; found from its end, however long it is."""
    with path.open("rb") as file:
        position = file.seek(0, 2)
        found = -1  # the newline at the very end ends the last entry and begins none
        while position > 0:
            start = max(0, position - _BLOCK_BYTES)
            file.seek(start)
            block = file.read(position - start)
            index = len(block)
            while (index := block.rfind(b"\n", 0, index)) >= 0:
                found += 1
                if found == lines:
                    return start + index + 1
            position = start
    return 0


async def read_entries(
    path: Path, *, tail: int | None, since: str, until: str, follow: Callable[[], bool] | None
) -> AsyncGenerator[Entry, None]:
    """Read a log, and go on while it is written.

    Parameters
    ----------
    path : pathlib.Path
        The file; an absent one is empty.
    tail : int or None
        Only the last so many entries of what is there; None for all.
    since, until : str
        Only entries of this span, both ends included; empty for no bound.
    follow : callable or None
        Says whether more may come; None to end at the end of what is there.
    """
    if not path.exists():
        if follow is None:
            return
        while follow() and not path.exists():
            await asyncio.sleep(_POLL_S)
        if not path.exists():
            return
    offset = 0 if tail is None else tail_offset(path, tail) if tail else path.stat().st_size
    rest = b""
    with path.open("rb") as file:
        file.seek(offset)
        while True:
            more = follow() if follow else False  # asked before reading: what is written until now is then read
            while block := file.read(_BLOCK_BYTES):
                *lines, rest = (rest + block).split(b"\n")
                for line in lines:
                    entry = parse_entry(line)
                    if entry is None or (since and entry.time < since):
                        continue
                    if until and entry.time > until:
                        return
                    yield entry
            if not more:
                return
            await asyncio.sleep(_POLL_S)
