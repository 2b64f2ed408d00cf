"""Processor sharing as a SimPy resource."""

from __future__ import annotations

import math

import simpy

from sim.model.sharing import SharedCapacity


class ProcessorSharing:
    """A capacity that all submitted work shares, under SimPy's clock.

    Parameters
    ----------
    env : simpy.Environment
        Whose clock runs.
    capacity : float
        Work per second: cores, or bytes/s; greater than 0.

    Attributes
    ----------
    wake_ups : int
        Events spent so far; about one for each job that was submitted.

    Notes
    -----
    One wake-up is pending at a time. An arrival mostly makes the others later, so that the pending wake-up comes too
    early, finds nothing done and sets the next one; only a completion that is now due *earlier* needs a new event.

    Examples
    --------
    >>> env = simpy.Environment()
    >>> cpu = ProcessorSharing(env, capacity=1.0)
    >>> both = env.all_of([cpu.submit(1.0), cpu.submit(1.0)])
    >>> _ = env.run(until=both)
    >>> env.now
    2.0
    """

    def __init__(self, env: simpy.Environment, capacity: float) -> None:
        self._env = env
        self._shared: SharedCapacity[simpy.Event] = SharedCapacity(capacity)
        self._wake_at_s = math.inf
        self._pending: simpy.Event | None = None
        self.wake_ups = 0

    def submit(self, work: float, weight: float = 1.0, cap: float = math.inf) -> simpy.Event:
        """Submit work and return the event of its completion.

        Parameters
        ----------
        work : float
            In capacity x seconds: core-seconds, or bytes; at least 0, which is done within the same instant.
        weight : float
            Share relative to the other jobs', greater than 0.
        cap : float
            Highest rate: the number of cores that the job can use; infinite for none.

        Raises
        ------
        ParameterError
            A value outside its range.
        """
        done = self._env.event()
        self._shared.add(self._env.now, done, work, weight=weight, cap=cap)
        self._arm()
        return done

    def _arm(self) -> None:
        finish_s = self._shared.next_finish_s()
        if finish_s < self._wake_at_s:
            self._wake_at_s = finish_s
            self._pending = self._env.timeout(finish_s - self._env.now)
            self._pending.callbacks.append(self._wake)

    def _wake(self, event: simpy.Event) -> None:
        self.wake_ups += 1
        for done in self._shared.take_finished(self._env.now):
            done.succeed()
        # told by identity and not by the clock, which may be one rounding beside the time that was asked for
        if event is self._pending:
            self._wake_at_s = math.inf
        self._arm()
