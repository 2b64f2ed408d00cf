"""The simulated host: processors, a disk and a page cache, shared by all instances on it."""

from __future__ import annotations

from typing import Literal

import simpy

from sim.process.pagecache import PageCache
from sim.process.sharing import ProcessorSharing
from sim.spec.host import Host

CacheState = Literal["cold", "warm"]


class SimulatedHost:
    """A host under SimPy's clock, with a clock of its own.

    Parameters
    ----------
    host : Host
        Its sizes.
    cache : {"cold", "warm"}
        Whether the files of the technology have to be read from disk or are in memory already.

    Attributes
    ----------
    env : simpy.Environment
        The clock; hosts that share nothing do not share an event heap either.
    cpu, disk : ProcessorSharing
        In cores and in bytes/s.
    page_cache : PageCache
        Over `disk`.
    cold : bool
        Whether instances read from disk.
    """

    def __init__(self, host: Host, cache: CacheState) -> None:
        self.env = simpy.Environment()
        self.cpu = ProcessorSharing(self.env, host.cores)
        self.disk = ProcessorSharing(self.env, host.disk_bandwidth_bytes_per_s)
        self.page_cache = PageCache(self.env, self.disk)
        self.cold = cache == "cold"
