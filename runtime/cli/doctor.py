"""``tare doctor``: what this machine can do, and what to type for the rest."""

from __future__ import annotations

import json
from dataclasses import asdict

import click

from runtime.engine.doctor import examine
from runtime.engine.session import default_root


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
@click.pass_context
def doctor(ctx: click.Context, as_json: bool) -> None:
    """Say what this machine can do for containers and VMs, and what to type for what is missing.

    The exit status is 0 when a container can be launched here, 1 when not.
    """
    findings = examine(default_root())
    if as_json:
        click.echo(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        width = max(len(finding.facility) for finding in findings)
        for finding in findings:
            click.echo(f"{finding.facility:{width}}  {finding.state:6}  {finding.detail}")
            if finding.hint:
                click.echo(f"{'':{width}}          -> {finding.hint}")
    launches = any(finding.facility == "container" and finding.state == "yes" for finding in findings)
    ctx.exit(0 if launches else 1)
