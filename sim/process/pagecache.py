"""The host's page cache: a file is read from disk once, by whoever comes first, and awaited by the others."""

from __future__ import annotations

import simpy

from sim.process.sharing import ProcessorSharing


class PageCache:
    """What of the shared files is in memory.

    Parameters
    ----------
    env : simpy.Environment
        Whose clock runs.
    disk : ProcessorSharing
        Where files come from.

    Notes
    -----
    An instance that needs a file while another is still reading it waits for that read, as Linux lets it wait for the
    locked page: it neither reads the file again nor gets it before it is there. Nothing is evicted.
    """

    def __init__(self, env: simpy.Environment, disk: ProcessorSharing) -> None:
        self._env = env
        self._disk = disk
        self._reads: dict[str, simpy.Event] = {}

    def read(self, file: str, size_bytes: float) -> simpy.Event:
        """Return the event after which the file is in memory; the first call for a file reads it.

        Parameters
        ----------
        file : str
            Its name; one name, one content.
        size_bytes : float
            Bytes to read, at least 0.
        """
        if file not in self._reads:
            self._reads[file] = self._disk.submit(size_bytes)
        return self._reads[file]
