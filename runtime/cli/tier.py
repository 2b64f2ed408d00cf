"""Where real figures come from: this machine, live, or the recorded measurements that come with tare.

`tare compare` and the lecture notebooks ask here, so that both choose alike and measure alike.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from runtime.bench.containers import measure_containers
from runtime.bench.disk import measure_read_bandwidth
from runtime.bench.glimpse import take_glimpse
from runtime.bench.machine import describe_machine
from runtime.cli.hostmodel import model_host
from runtime.engine.doctor import launch_trial
from runtime.engine.session import Session, default_root
from runtime.errors import EngineError, SpecError
from runtime.kernel.host import meminfo_bytes
from sim.datafiles import data_path
from sim.record.document import Machine, Records
from sim.record.file import load_records, parse_records
from sim.report.unitscale import BYTES
from sim.spec.host import Host

CHOICES = ("live", "recorded")
_RECORDS, _GLIMPSE = "containers.json", "glimpse.json"


@dataclass(frozen=True, slots=True)
class Tier:
    """What this machine can do for a lecture.

    Attributes
    ----------
    live : bool
        Whether containers are launched here; otherwise recorded measurements stand in.
    banner : str
        The tier in one sentence, to be printed before any figure.
    obstacle : EngineError or None
        What kept this machine from launching; None when it can, or was not asked.
    """

    live: bool
    banner: str
    obstacle: EngineError | None = None


def choose_tier(wanted: str | None) -> Tier:
    """Choose between launching here and recorded measurements.

    Parameters
    ----------
    wanted : str or None
        ``live`` insists, ``recorded`` forces; None or an empty text launches a container to see whether it can.

    Raises
    ------
    SpecError
        `wanted` is another word.
    EngineError
        ``live`` is wanted and this machine cannot launch containers; the error says why.
    """
    if wanted and wanted not in CHOICES:
        raise SpecError("choose tier", wanted, "neither 'live' nor 'recorded'", "for example TARE_TIER=recorded")
    if wanted == "recorded":
        return Tier(False, _recorded_banner())
    try:
        launch_trial(default_root())
    except EngineError as error:
        if wanted == "live":
            raise
        return Tier(False, _recorded_banner(), error)
    machine = Machine(**describe_machine())
    who = "live as root" if machine.privilege == "root" else "live rootless"
    return Tier(True, f"{who}: containers are launched here, on {_machine_words(machine)}")


def real_records(tier: Tier, samples: int, seed: int, progress: Callable[[], None] = lambda: None) -> Records:
    """Measure processes and containers, or read what was measured.

    Parameters
    ----------
    tier : Tier
        Of `choose_tier`.
    samples : int
        Timed launches of each, at least 1; without effect on recorded measurements.
    seed : int
        Of the order of launches; without effect on recorded measurements.
    progress : callable
        Called after every launch.

    Returns
    -------
    Records
        Startup, memory and density, every one of them ``measured`` or every one ``recorded``.
    """
    if not tier.live:
        return load_records(data_path("measurements", _RECORDS)).relabelled("recorded")
    with Session(default_root()) as session:
        return parse_records(measure_containers(session, samples, seed, progress), "this run")


def simulated_host(tier: Tier, machine: Machine) -> tuple[Host, str]:
    """Model the machine that real figures are from, so that VMs are simulated on the same one.

    Parameters
    ----------
    tier : Tier
        Live, free memory and disk bandwidth are this machine's, now; recorded, they are assumed (see `model_host`).
    machine : Machine
        Of `real_records`.

    Returns
    -------
    Host
        What `sim.experiment` simulates on.
    str
        The host in one sentence.
    """
    host, origin = model_host(machine), "from published row P350"
    if tier.live:
        info, bandwidth = meminfo_bytes(), measure_read_bandwidth(default_root())
        host = replace(host, reserved_bytes=info["MemTotal"] - info["MemAvailable"])
        origin = "published row P350, not measurable here"
        if bandwidth is not None:
            host, origin = replace(host, disk_bandwidth_bytes_per_s=bandwidth), "measured"
    return host, (
        f"simulated host: {host.cores} cores, {host.available_bytes / 2**30:.1f} GiB of memory free, "
        f"{host.disk_bandwidth_bytes_per_s / 2**20:.0f} MiB/s of disk (disk bandwidth {origin})"
    )


def glimpse(tier: Tier) -> dict[str, Any]:
    """Look at a container from outside and inside, or read such a look; see `runtime.bench.glimpse.take_glimpse`.

    Returns
    -------
    dict
        As `take_glimpse`, with ``provenance`` added: ``measured`` or ``recorded``.
    """
    if not tier.live:
        document = json.loads(data_path("measurements", _GLIMPSE).read_text())
        return {"provenance": "recorded", **document}
    with Session(default_root()) as session:
        return {"provenance": "measured", **take_glimpse(session)}


def _recorded_banner() -> str:
    records = load_records(data_path("measurements", _RECORDS))
    return f"recorded on {_machine_words(records.machine)}, {records.created[:10]}"


def _machine_words(machine: Machine) -> str:
    return (
        f"{machine.system}, kernel {machine.kernel}, {machine.cpu_model}, {machine.cores} cores, "
        f"{BYTES.text(machine.memory_bytes)}, {machine.privilege}"
    )
