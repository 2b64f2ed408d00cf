"""This project's own launcher, warm: a container, and a plain process for comparison."""

from __future__ import annotations

import os
from time import monotonic_ns
from types import TracebackType
from typing import Self

from runtime.bench.drivers.driver import Sample, Stage
from runtime.bench.payload import Payload
from runtime.bench.stages import stages_of
from runtime.engine.session import Session
from runtime.errors import BenchError
from runtime.plan.container import Plan, plan_process


class _Zygote:
    """Launches by a session's zygote; making the plan is part of the launch, so the clock sees it."""

    name: str
    technology: str
    differs: str

    def __init__(self, session: Session, payload: Payload) -> None:
        self._session = session
        self._payload = payload

    def __enter__(self) -> Self:
        self._null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._null)

    def _plan(self) -> Plan:
        raise NotImplementedError

    def launch(self) -> Sample:
        """Plan, launch, wait until cleaned up."""
        start_ns = monotonic_ns()
        plan = self._plan()
        exited = self._session.launch(plan, (self._null,) * 3).wait()
        duration_ns = monotonic_ns() - start_ns
        planned_ns = exited.timing.requested_ns - start_ns
        if exited.status or exited.problems:
            raise BenchError("launch", plan.identifier, f"status {exited.status} {' '.join(exited.problems)}".strip())
        launched = (Stage(s.name, s.start_ns + planned_ns, s.duration_ns) for s in stages_of(plan, exited.timing))
        return Sample(duration_ns, (Stage("plan", 0, planned_ns), *launched))


class TareDriver(_Zygote):
    """A container from the warm zygote."""

    name = "tare"
    technology = "container"
    differs = ""

    def _plan(self) -> Plan:
        return self._session.plan(self._payload.image, self._payload.config)


class ProcessDriver(_Zygote):
    """fork and exec from the same zygote, without isolation: what a container is compared with."""

    name = "process"
    technology = "process"
    differs = "no isolation, no limits, no file system of its own"

    def _plan(self) -> Plan:
        return plan_process("process", self._payload.on_host())
