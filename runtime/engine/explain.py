"""A plan in words: every kernel operation in order, with the call it makes and, once run, the time it took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from runtime.abi import flag_names
from runtime.launcher.client import Timing
from runtime.plan.container import Plan
from runtime.plan.operation import Operation


@dataclass(frozen=True, slots=True)
class Step:
    """One line of an explanation.

    Attributes
    ----------
    actor : str
        Who does it: ``launcher`` or ``process``.
    stage, call, words : str
        See `runtime.plan.operation.Operation`.
    duration_ns : int or None
        None when the plan was not run.
    """

    actor: str
    stage: str
    call: str
    words: str
    duration_ns: int | None


def explain(plan: Plan, timing: Timing | None = None) -> list[Step]:
    """List the steps of a plan in the order in which they happen.

    Parameters
    ----------
    plan : Plan
        What to explain.
    timing : Timing or None
        Of a run of this plan; None leaves the durations out.

    Returns
    -------
    list of Step
        Every operation, and between them the request, the clone, the program's own run and the report.
    """
    durations = iter(_durations(timing) if timing else [])

    def step(actor: str, operation: Operation) -> Step:
        return Step(actor, operation.stage, operation.signature(), operation.describe(), next(durations, None))

    def between(actor: str, stage: str, call: str, words: str) -> Step:
        return Step(actor, stage, call, words, next(durations, None))

    clone = f"clone({flag_names(plan.clone_flags, 'CLONE_NEW')})"
    return [
        between("launcher", "request", "recvmsg()", "hear the engine's request, with the program's input and outputs"),
        *(step("launcher", operation) for operation in plan.prepare),
        between("launcher", "clone", clone, "make the process, in the namespaces that it cannot enter by itself"),
        *(step("process", operation) for operation in plan.inside),
        between("process", "run", "", "the program itself, from its first instruction to its end"),
        *(step("launcher", operation) for operation in plan.cleanup),
        between("launcher", "report", "send()", "tell the engine how it ended"),
    ]


def _durations(timing: Timing) -> Iterator[int]:
    instants = (timing.requested_ns, *timing.started, *timing.exited, timing.reported_ns)
    return (later - earlier for earlier, later in pairwise(instants))
