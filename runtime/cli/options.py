"""Options that several commands share: what to run, and how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click

from runtime.engine.configure import configure
from runtime.engine.session import Session
from runtime.plan.container import Plan
from runtime.spec.config import Resources
from runtime.spec.reference import parse_reference
from runtime.spec.size import parse_size_bytes

_OPTIONS = (
    click.option("-m", "--memory", metavar="SIZE", help="Limit memory, for example 64m."),
    click.option("--cpus", type=float, metavar="N", help="Limit processor time, for example 0.5."),
    click.option("--pids-limit", type=int, metavar="N", help="Limit the number of tasks."),
    click.option("-e", "--env", multiple=True, metavar="NAME=VALUE", help="Set a variable; may be repeated."),
    click.option("-w", "--workdir", metavar="DIR", help="Start in this directory of the container."),
    click.option("-u", "--user", metavar="UID[:GID]", help="Run as this user."),
    click.option("--hostname", metavar="NAME", help="Name the container."),
    click.argument("image"),
    click.argument("command", nargs=-1, type=click.UNPROCESSED),
)


def container_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options and arguments of ``tare run``; they end at the image, as Docker's."""
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def plan_from_options(session: Session, image: str, command: tuple[str, ...], options: dict[str, Any]) -> Plan:
    """Plan the container that the options of `container_options` describe.

    Raises
    ------
    EngineError
        An option, image or host that cannot serve.
    """
    memory = options["memory"]
    resources = Resources(None if memory is None else parse_size_bytes(memory), options["cpus"], options["pids_limit"])
    found = session.find(parse_reference(image))
    chosen = {name: options[name] for name in ("env", "workdir", "user", "hostname")}
    return session.plan(found, configure(found.config, command, resources=resources, **chosen))
