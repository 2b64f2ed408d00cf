"""``tare run``: launch a container, wait for it, take on its exit status."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

import click

from runtime.cli.options import container_options, plan_from_options
from runtime.engine.session import Session, default_root

_FORWARDED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


@click.command(context_settings={"allow_interspersed_args": False})
@container_options
@click.pass_context
def run(ctx: click.Context, /, image: str, command: tuple[str, ...], **options: Any) -> None:
    """Run COMMAND in a new container of IMAGE and remove the container when it ends.

    The exit status is the command's own; 125 when tare itself failed, 126 when the command cannot be executed, 127
    when it is not found, 128+n when signal n ended it. Signals are passed on to the command; a second Ctrl-C kills it.
    """
    with Session(default_root()) as session:
        plan = plan_from_options(session, image, command, options)
        launch = session.launch(plan, (0, 1, 2))
        interrupts = 0

        def forward(number: int, _: FrameType | None) -> None:
            nonlocal interrupts
            interrupts += number == signal.SIGINT
            # the first process of a PID namespace ignores what it does not handle, so insisting must kill
            launch.kill(signal.SIGKILL if interrupts > 1 else number)

        for number in _FORWARDED:
            signal.signal(number, forward)
        exited = launch.wait()
    for problem in exited.problems:
        click.echo(f"tare: clean up: {problem}", err=True)
    ctx.exit(exited.status)
