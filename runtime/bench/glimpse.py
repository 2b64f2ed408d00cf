"""A look at one container from outside and inside: what differs, what is the same, what is counted twice.

``data/measurements/glimpse.json`` is what `take_glimpse` returned on the machine that it names.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from runtime.bench.machine import describe_machine
from runtime.bench.memory import smaps_rollup_bytes
from runtime.bench.payload import IDLE, prepare_payload
from runtime.engine.explain import explain
from runtime.engine.session import Session
from runtime.errors import BenchError
from runtime.launcher.client import Exit, Launch
from runtime.plan.container import Plan, plan_process

ALIVE = 20
_QUESTION = ("sh", "-c", "uname -r; echo $$; for link in /proc/self/ns/*; do readlink $link; done")
_SIGKILL = 9
_SETTLE_S = 0.2  # a program that has just been executed still has to load its libraries


def parse_view(text: str) -> dict[str, Any]:
    """Parse what the program in a glimpse printed about itself.

    Parameters
    ----------
    text : str
        The kernel's release, its own process id, then links as of ``/proc/self/ns``, namespaces(7), one a line.

    Returns
    -------
    dict
        ``kernel``, ``pid`` and ``namespaces``, the latter a number by kind.
    """
    kernel, pid, *links = text.split()
    kinds = (link.rstrip("]").partition(":[") for link in links)
    return {"kernel": kernel, "pid": int(pid), "namespaces": {kind: int(number) for kind, _, number in kinds}}


def take_glimpse(session: Session) -> dict[str, Any]:
    """Run one program as a plain process and in a container, then weigh some idle containers in two ways.

    Parameters
    ----------
    session : Session
        Launches them.

    Returns
    -------
    dict
        ``created`` and ``machine`` as in records; ``process`` and ``container``, each a view as `parse_view` returns
        it; ``steps`` of the container's launch, each with actor, stage, words and duration_ns; and for `ALIVE` idle
        containers ``rss_bytes`` and ``pss_bytes``, proc_pid_smaps(5).

    Raises
    ------
    EngineError
        A launch failed.
    """
    asking = prepare_payload(session, _QUESTION)
    container = session.plan(asking.image, asking.config)
    outside, _ = _answer(session, plan_process("glimpse", asking.on_host()))
    inside, exited = _answer(session, container)
    rollups = _idle_rollups(session)
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": describe_machine(),
        "process": parse_view(outside),
        "container": parse_view(inside),
        "steps": [
            {"actor": step.actor, "stage": step.stage, "words": step.words, "duration_ns": step.duration_ns}
            for step in explain(container, exited.timing)
        ],
        "rss_bytes": [rollup["Rss"] for rollup in rollups],
        "pss_bytes": [rollup["Pss"] for rollup in rollups],
    }


def _answer(session: Session, plan: Plan) -> tuple[str, Exit]:
    """Launch a program; return what it printed, and its end."""
    with ExitStack() as undo:
        null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        undo.callback(os.close, null)
        reading, writing = os.pipe2(os.O_CLOEXEC)
        with os.fdopen(reading) as answer:
            try:
                launch = session.launch(plan, (null, writing, null))
            finally:
                os.close(writing)
            text, exited = answer.read(), launch.wait()
    if exited.status:
        raise BenchError("glimpse into", plan.identifier, f"status {exited.status}")
    return text, exited


def _idle_rollups(session: Session) -> list[dict[str, int]]:
    idle = prepare_payload(session, IDLE)
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    launches: list[Launch] = []
    try:
        launches.extend(session.launch(session.plan(idle.image, idle.config), (null, null, null)) for _ in range(ALIVE))
        pids = [launch.wait_started() for launch in launches]
        time.sleep(_SETTLE_S)
        return [smaps_rollup_bytes(Path(f"/proc/{pid}/smaps_rollup").read_text()) for pid in pids]
    finally:
        for launch in launches:
            launch.kill(_SIGKILL)
        for launch in launches:
            launch.wait()
        os.close(null)
