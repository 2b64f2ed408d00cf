"""How fast this machine reads a file that is not in memory."""

from __future__ import annotations

import mmap
import os
import tempfile
from pathlib import Path
from time import monotonic_ns

_FILE_BYTES = 64 << 20
_BLOCK_BYTES = 1 << 20


def measure_read_bandwidth(folder: Path) -> float | None:
    """Write a file of 64 MiB, and read it back past the page cache (O_DIRECT, open(2)).

    Parameters
    ----------
    folder : pathlib.Path
        Where; the file is removed.

    Returns
    -------
    float or None
        Bytes per second of sequential reading, one request of 1 MiB at a time; None where there is no room, or the
        file system does no direct reads, as tmpfs.
    """
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix="tare-bench-") as file:
            file.write(os.urandom(_BLOCK_BYTES) * (_FILE_BYTES // _BLOCK_BYTES))
            file.flush()
            os.fsync(file.fileno())
            return _read_bandwidth(file.name)
    except OSError:
        return None


def _read_bandwidth(path: str) -> float:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECT | os.O_CLOEXEC)
    try:
        with mmap.mmap(-1, _BLOCK_BYTES) as page:  # direct reads want memory that is aligned, as mapped memory is
            start_ns = monotonic_ns()
            done = 0
            while got := os.readv(descriptor, [page]):
                done += got
            return done / ((monotonic_ns() - start_ns) * 1e-9)
    finally:
        os.close(descriptor)
