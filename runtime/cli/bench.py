"""``tare bench``: measure launches, beside other runtimes."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path

import click
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from runtime.bench.drivers.driver import Driver
from runtime.bench.drivers.floor import FloorDriver
from runtime.bench.drivers.peers import BubblewrapDriver, CrunDriver, RuncDriver
from runtime.bench.drivers.tare import ProcessDriver, TareDriver
from runtime.bench.payload import Payload, prepare_payload
from runtime.bench.records import document, startup_instances
from runtime.bench.sampling import WARM_UP, take_samples
from runtime.bench.statistics import median, ratio_of_medians
from runtime.engine.session import Session, default_root
from runtime.errors import BenchError
from sim.record.file import parse_records, save_records

DRIVERS = ("process", "tare", "floor", "runc", "crun", "bubblewrap")


@click.group()
def bench() -> None:
    """Measure what containers cost on this machine."""


@bench.command()
@click.option("--drivers", default="process,tare,floor,runc,crun,bubblewrap", show_default=True, help="Which to time.")
@click.option("--samples", default=50, show_default=True, help="Counted launches of each driver.")
@click.option("--seed", default=1, show_default=True, help="Of the order of launches.")
@click.option("--ratio", metavar="A/B", help="Print as the last line the ratio of the medians of two drivers.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), metavar="FILE", help="Write the records.")
def launch(drivers: str, samples: int, seed: int, ratio: str | None, json_path: Path | None) -> None:
    """Time the launch of `true` in a container, interleaved over drivers.

    The clock runs from the request until the program was reaped and all cleaned up. `tare` and `floor` are warm: a
    process that is ready to launch. The others are command lines, started cold for each launch.
    """
    names = list(dict.fromkeys(name.strip() for name in drivers.split(",")))
    pair = tuple(ratio.split("/")) if ratio else ()
    for name in (*names, *pair):
        if name not in DRIVERS or (name in pair and name not in names):
            raise BenchError(
                "use driver", name, "no such driver was asked for", f"--drivers takes {', '.join(DRIVERS)}"
            )
    if pair and len(pair) != 2:
        raise BenchError("compare", ratio or "", "not of the form A/B", "for example --ratio tare/crun")
    notes = ["clock: from the request until the program was reaped and everything cleaned up"]
    # imported here, since it needs Linux, and the help of this command does not
    from runtime.bench.view import hide_unified_hierarchy

    if "crun" in names and os.geteuid() == 0 and hide_unified_hierarchy():
        notes.append("cgroup: the version-2 hierarchy of this hybrid host is out of view, since crun refuses it")
    console = Console(stderr=True)
    with ExitStack() as stack:
        session = stack.enter_context(Session(default_root()))
        payload = prepare_payload(session, ("true",))
        ready: list[Driver] = []
        for name in names:
            try:
                ready.append(stack.enter_context(_driver(name, session, payload)))
            except BenchError as error:
                notes.append(f"driver {name} is left out: {error}")
                console.print(f"tare: {error}; left out", style="yellow", highlight=False)
        progress = stack.enter_context(Progress(console=console, transient=True))
        task = progress.add_task("launching", total=len(ready) * (samples + WARM_UP))
        taken = take_samples(ready, samples, seed, lambda: progress.advance(task))
    notes += [f"{driver.name} differs: {driver.differs}" for driver in ready if driver.differs]
    instances = [record for driver in ready for record in startup_instances(driver, taken[driver.name])]
    records = parse_records(document(instances, [], seed, notes), "this run")
    if json_path is not None:
        save_records(records, json_path)
    table = Table(title=f"launch of `true`, measured, {samples} samples each", title_justify="left")
    for heading in ("driver", "median ms", "95 % interval", "p95 ms", "to tare"):
        table.add_column(heading, justify="left" if heading == "driver" else "right")
    durations = {name: [sample.duration_ns / 1e6 for sample in taken[name]] for name in taken}
    for name, values in durations.items():
        middle = median(values)
        to_tare = ratio_of_medians(values, durations["tare"]) if "tare" in durations else None
        tail = f"{sorted(values)[int(0.95 * len(values))]:.2f}"
        interval = f"{middle.low:.2f} to {middle.high:.2f}"
        table.add_row(name, f"{middle.value:.2f}", interval, tail, "" if to_tare is None else f"{to_tare.value:.2f}")
    Console().print(table)
    for note in notes:
        click.echo(f"- {note}")
    if pair and all(name in durations for name in pair):
        measured = ratio_of_medians(durations[pair[0]], durations[pair[1]])
        click.echo(f"ratio {ratio} {measured.value:.2f} [{measured.low:.2f}, {measured.high:.2f}]")
    elif pair:
        missing = next(name for name in pair if name not in durations)
        raise BenchError("compare", ratio or "", f"driver {missing} was left out", f"see why above: {missing}")


def _driver(name: str, session: Session, payload: Payload) -> Driver:
    match name:
        case "tare":
            return TareDriver(session, payload)
        case "process":
            return ProcessDriver(session, payload)
        case "floor":
            return FloorDriver(session, payload)
        case "runc":
            return RuncDriver(payload)
        case "crun":
            return CrunDriver(payload)
        case _:
            return BubblewrapDriver(payload)
