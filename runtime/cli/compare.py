"""``tare compare``: the main job. Real containers, simulated VMs, one report."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import click
from rich import box
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from runtime.bench.containers import steps
from runtime.cli.tier import choose_tier, real_records, simulated_host
from runtime.errors import BenchError
from sim.experiment.density import simulate_density
from sim.experiment.memory import simulate_memory
from sim.experiment.startup import simulate_startup
from sim.record.document import Density, Instance, Records
from sim.record.file import save_records
from sim.report.html import write_report
from sim.report.pictures import draw_all
from sim.report.table import HEADINGS, comparison_rows, row_cells
from sim.spec.host import Host
from sim.spec.technology_file import load_technology

SIMULATED = ("microvm", "vm")
_COLUMNS = {
    "technology": "technology", "provenance": "provenance", "startup, median": "startup", "startup ratio": "ratio",
    "memory each": "memory each", "memory ratio": "ratio", "how many fit": "how many fit",
}  # fmt: skip
_VM_COUNT = 10  # VMs share nothing here, so the memory of each is the same however many there are


@click.command()
@click.option(
    "--out", type=click.Path(path_type=Path), metavar="DIR", help="Report folder; results/compare-TIME if not given."
)
@click.option("--samples", default=40, show_default=True, help="Timed launches of each technology, at least 30.")
@click.option("--seed", default=1, show_default=True, help="Of the order of launches and of the simulation.")
@click.option("--recorded", is_flag=True, help="Use recorded measurements instead of launching containers.")
def compare(out: Path | None, samples: int, seed: int, recorded: bool) -> None:
    """Compare real containers with simulated virtual machines: startup, memory, density.

    Launches containers and processes on this machine, simulates a microVM and a full VM on a model of it, and writes
    a folder with records.json, figures (PNG and SVG) and report.html. Where containers cannot be launched, the
    recorded measurements that come with tare take their place, and every figure says so.
    """
    if samples < 30:
        raise BenchError(
            "compare", f"--samples {samples}", "fewer than 30 say little about a distribution", "use 30 or more"
        )
    if seed < 0:
        raise BenchError("compare", f"--seed {seed}", "a seed is not negative", "for example --seed 1")
    folder = out or Path("results") / f"compare-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    if folder.exists():
        raise BenchError("write the report to", str(folder), "it exists already", "name another folder with --out")
    console = Console(stderr=True, highlight=False)
    with Progress(console=console, transient=True) as progress:
        records, host = _real(progress, console, samples, seed, recorded)
        task = progress.add_task("simulating virtual machines", total=len(SIMULATED))
        for name in SIMULATED:
            instances, density = _simulate(name, host, samples, seed)
            records = records.extended(instances, [density])
            progress.advance(task)
        task = progress.add_task("drawing", total=None)
        page = _write(records, folder)
    _print_table(records)
    for note in records.notes:
        click.echo(f"- {note}")
    click.echo(f"report: {page}")


def _real(progress: Progress, console: Console, samples: int, seed: int, recorded: bool) -> tuple[Records, Host]:
    """Real figures and the model of their machine, which the notes describe."""
    tier = choose_tier("recorded" if recorded else None)
    if tier.obstacle is not None:
        why = f"tare: {tier.obstacle}; recorded measurements are used instead (why: tare doctor)"
        console.print(why, style="yellow")
    task = progress.add_task("launching containers", total=steps(samples), visible=tier.live)
    records = real_records(tier, samples, seed, lambda: progress.advance(task))
    host, words = simulated_host(tier, records.machine)
    note = f"{words}; VMs start one at a time, with a warm cache"
    return replace(records, notes=(*records.notes, note)), host


def _simulate(name: str, host: Host, samples: int, seed: int) -> tuple[tuple[Instance, ...], Density]:
    technology = load_technology(name)
    startup = simulate_startup(technology, host, concurrency=1, cache="warm", replications=samples, seed=seed)
    memory = simulate_memory(technology, host, count=_VM_COUNT)
    return (*startup, *memory), simulate_density(technology, host)


def _write(records: Records, folder: Path) -> Path:
    """Write the report folder, whole or not at all; return the page's path."""
    sources = [
        (name, parameter.name, parameter.value_text(), parameter.source, parameter.is_assumption)
        for name in SIMULATED
        for parameter in load_technology(name).parameters()
    ]
    with _whole_folder(folder) as part:
        save_records(records, part / "records.json")
        pictures = draw_all(records)
        for picture in pictures:
            picture.save(part)
        write_report(records, pictures, part / "report.html", sources)
    return (folder / "report.html").absolute()


@contextmanager
def _whole_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill, which gets its name when it is full, and is gone when anything fails."""
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    except OSError as error:
        raise BenchError(
            "write the report to", str(folder), str(error.strerror).lower(), "name another folder with --out"
        ) from error
    try:
        yield part
        part.chmod(0o755)
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def _print_table(records: Records) -> None:
    """Print the columns that fit a terminal; the report has all."""
    table = Table(box=box.SIMPLE, pad_edge=False)
    for heading, short in _COLUMNS.items():
        left = heading in ("technology", "provenance", "how many fit")
        table.add_column(short, justify="left" if left else "right", no_wrap=heading != "how many fit")
    for row in comparison_rows(records):
        cells = dict(zip(HEADINGS, row_cells(row), strict=True))
        table.add_row(*(cells[heading] for heading in _COLUMNS))
    Console().print(table)
