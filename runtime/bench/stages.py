"""The stages of a launch, from the plan and the instants that the launcher noted; pure."""

from __future__ import annotations

from runtime.bench.drivers.driver import Stage
from runtime.engine.explain import explain
from runtime.launcher.client import Timing
from runtime.plan.container import Plan


def stages_of(plan: Plan, timing: Timing) -> tuple[Stage, ...]:
    """Sum the operations of a launch by stage.

    Parameters
    ----------
    plan : Plan
        What was launched.
    timing : Timing
        When what happened.

    Returns
    -------
    tuple of Stage
        In order of first start. A stage that is taken up again, as the control group is by launcher and process, has
        the sum of its parts, so the durations add up to the whole launch.
    """
    starts: dict[str, int] = {}
    durations: dict[str, int] = {}
    elapsed_ns = 0
    for step in explain(plan, timing):
        assert step.duration_ns is not None
        starts.setdefault(step.stage, elapsed_ns)
        durations[step.stage] = durations.get(step.stage, 0) + step.duration_ns
        elapsed_ns += step.duration_ns
    return tuple(Stage(name, start, durations[name]) for name, start in starts.items())
