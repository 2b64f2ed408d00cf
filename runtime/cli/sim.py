"""``tare sim``: simulate startups, memory and density of a technology on a host."""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from typing import Any, Literal

import click
from rich.console import Console
from rich.table import Table

from runtime.bench.records import document
from runtime.cli.hostmodel import model_host
from sim.experiment.density import simulate_density
from sim.experiment.memory import simulate_memory
from sim.experiment.startup import simulate_startup
from sim.record.document import Density, Instance, Records
from sim.record.file import parse_records
from sim.spec.host import Host
from sim.spec.technology_file import load_technology, technology_names
from sim.units import format_bytes, format_seconds

_technology = click.option("--technology", required=True, metavar="NAME", help="See `tare sim technologies`.")
_host = click.option(
    "--host", "changes", default="", metavar="cores=,memory=,...", help="Change the model of this machine."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print the records as JSON.")


def _begin(seed: int, changes: str) -> tuple[Records, Host]:
    """Empty records of this machine, and its model."""
    records = parse_records(document([], [], seed, []), "this run")
    host = model_host(records.machine, changes)
    return Records(**{**_fields(records), "notes": (f"simulated host: {host}",)}), host


def _fields(records: Records) -> dict[str, Any]:
    return {name: getattr(records, name) for name in Records.__slots__}


def _finish(records: Records, instances: tuple[Instance, ...] = (), densities: tuple[Density, ...] = ()) -> None:
    click.echo(json.dumps(records.extended(instances, densities).to_dict(), indent=1))


@click.group()
def sim() -> None:
    """Simulate containers and VMs; every figure printed is simulated."""


@sim.command()
def technologies() -> None:
    """List the technologies, their parameters, and where each comes from."""
    for name in technology_names():
        technology = load_technology(name)
        click.echo(f"{name}: {technology.title}. {technology.description}")
        for parameter in technology.parameters():
            mark = "assumed" if parameter.is_assumption else "source"
            click.echo(f"  {parameter.name} = {parameter.value_text()}  [{mark}: {parameter.source}]")


@sim.command()
@_technology
@_host
@click.option("--concurrency", default=1, show_default=True, help="Instances requested at once.")
@click.option("--cache", default="warm", show_default=True, type=click.Choice(["cold", "warm"]), help="Of files.")
@click.option("--replications", default=1, show_default=True, help="Independent repetitions.")
@click.option("--seed", default=1, show_default=True, help="The same seed gives the same records.")
@_json
def startup(
    technology: str,
    changes: str,
    concurrency: int,
    cache: Literal["cold", "warm"],
    replications: int,
    seed: int,
    as_json: bool,
) -> None:
    """Simulate instances that start together, stage by stage."""
    records, host = _begin(seed, changes)
    found = load_technology(technology)
    instances = simulate_startup(
        found,
        host,
        concurrency=concurrency,
        cache=cache,
        replications=replications,
        seed=seed,
    )
    if as_json:
        _finish(records, instances)
        return
    durations = defaultdict(list)
    for instance in instances:
        for stage in instance.stages:
            durations[stage.name].append(stage.duration_s)
        durations["whole startup"].append(instance.duration_s)
    table = Table(
        title=f"{found.title}, {concurrency} at once on {host.cores} cores, {cache} cache: simulated, seed {seed}"
    )
    for heading in ("stage", "p5", "median", "p95"):
        table.add_column(heading, justify="left" if heading == "stage" else "right")
    for name, values in durations.items():
        cuts = statistics.quantiles(values, n=20, method="inclusive") if len(values) > 1 else values * 19
        table.add_row(name, *(format_seconds(value) for value in (cuts[0], cuts[9], cuts[18])))
    Console().print(table)


@sim.command()
@_technology
@_host
@click.option("--count", default=10, show_default=True, help="Idle instances on the host.")
@_json
def memory(technology: str, changes: str, count: int, as_json: bool) -> None:
    """Simulate the memory that each of a number of idle instances holds, by category."""
    records, host = _begin(0, changes)
    instances = simulate_memory(load_technology(technology), host, count=count)
    if as_json:
        _finish(records, instances)
        return
    table = Table(title=f"memory of each of {count} idle instances: simulated")
    table.add_column("category")
    table.add_column("bytes", justify="right")
    held = instances[0].memory_bytes
    for name, size in (*held.items(), ("in all", sum(held.values()))):
        table.add_row(name, format_bytes(size))
    Console().print(table)


@sim.command()
@_technology
@_host
@_json
def density(technology: str, changes: str, as_json: bool) -> None:
    """Simulate how many idle instances fit on the host, and what ends it."""
    records, host = _begin(0, changes)
    found = simulate_density(load_technology(technology), host)
    if as_json:
        _finish(records, densities=(found,))
        return
    click.echo(
        f"{found.limit} instances of {technology} fit, ended by {found.ended_by}; they hold "
        f"{format_bytes(found.used_bytes[-1])} of {format_bytes(host.available_bytes)} (simulated)"
    )
