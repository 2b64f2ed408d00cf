"""``tare explain``: the plan of a container, operation by operation."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

import click

from runtime.cli.options import container_options, plan_from_options
from runtime.engine.explain import Step
from runtime.engine.explain import explain as explain_plan
from runtime.engine.session import Session, default_root


@click.group()
def explain() -> None:
    """Print what a command would ask of the kernel, in order and in words."""


@explain.command("run", context_settings={"allow_interspersed_args": False})
@click.option("--run", "execute", is_flag=True, help="Run it too, and print how long each operation took.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@container_options
def explain_run(execute: bool, as_json: bool, image: str, command: tuple[str, ...], **options: Any) -> None:
    """Explain how COMMAND would be run in a new container of IMAGE."""
    with Session(default_root()) as session:
        plan = plan_from_options(session, image, command, options)
        timing = session.launch(plan, (0, 1, 2)).wait().timing if execute else None
        facts = session.host
    steps = explain_plan(plan, timing)
    if as_json:
        click.echo(json.dumps([asdict(step) for step in steps], indent=1))
        return
    who = "an unprivileged user, so inside a user namespace" if facts.rootless else "root"
    cgroup = "no control group can be made" if facts.cgroup is None else f"cgroups are {facts.cgroup.mode}"
    click.echo(
        f"{len(plan.prepare) + len(plan.inside) + len(plan.cleanup)} kernel operations, made as {who}; {cgroup}."
    )
    for line in _lines(steps):
        click.echo(line)
    if timing is not None:
        total_us = (timing.reported_ns - timing.requested_ns) / 1000
        click.echo(f"\n{total_us:9.0f} us from the request to the report (measured once; see 'tare bench launch')")


def _lines(steps: list[Step]) -> list[str]:
    lines: list[str] = []
    heading = None
    for number, step in enumerate(steps, 1):
        if (step.actor, step.stage) != heading:
            heading = (step.actor, step.stage)
            lines.append(f"\n{step.stage} ({'by the launcher' if step.actor == 'launcher' else 'by the new process'})")
        took = "" if step.duration_ns is None else f"{step.duration_ns / 1000:9.1f} us"
        lines.append(f"{number:4d}. {step.words}{':' if step.call else ''}")
        if step.call or took:
            lines.append(f"      {took:>13}{'  ' if took else ''}{step.call}")
    return lines
