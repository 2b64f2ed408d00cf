"""Processor sharing in virtual time: many jobs on one capacity, each with a weight and a cap.

At every instant job i is served at ``min(cap_i, weight_i * level)``, where the level is the highest at which the rates
sum to no more than the capacity (water-filling). Jobs of equal weight and cap form a class and always have equal
rates, so a class needs one clock of its own, which counts the work done by each of its jobs: a job that arrives at
clock V with work w leaves at the tag V + w, whatever happens to the rate meanwhile. An arrival or a departure moves
the level but no tag, and costs O(K + log n) for n jobs in K classes.

A tag is due when the time left for it is too small to move the clock of the simulation, ``now + left/rate <= now``.
A fixed epsilon instead would be wrong at both ends: too coarse for microseconds, and below one unit in the last place
once the simulation is some hours old, where a pending wake-up would then be re-armed for the same instant for ever.
"""

from __future__ import annotations

import heapq
import itertools
import math
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Generic, TypeVar

from sim.spec.ranges import require_number

T = TypeVar("T")


@dataclass(slots=True)
class _Class(Generic[T]):
    """Jobs of one weight and cap: their common clock and rate, and their finish tags."""

    weight: float
    cap: float
    clock: float = 0.0
    rate: float = 0.0
    tags: list[tuple[float, int, T]] = field(default_factory=list)

    @property
    def fill_level(self) -> float:
        """The level above which the cap binds."""
        return self.cap / self.weight


class SharedCapacity(Generic[T]):
    """A capacity and the jobs that share it, with no notion of events.

    Parameters
    ----------
    capacity : float
        Work per second: cores for processors, bytes/s for a disk. Greater than 0.

    Raises
    ------
    ParameterError
        A capacity that is not a finite number greater than 0.
    """

    def __init__(self, capacity: float) -> None:
        self.capacity = require_number("shared capacity", "capacity", capacity, "work/s")
        self._now_s = 0.0
        self._sequence = itertools.count()
        self._classes: dict[tuple[float, float], _Class[T]] = {}
        self._by_level: list[_Class[T]] = []

    def add(self, now_s: float, job: T, work: float, *, weight: float = 1.0, cap: float = math.inf) -> None:
        """Let a job arrive.

        Parameters
        ----------
        now_s : float
            Current time, seconds; never earlier than in the call before.
        job : T
            What `take_finished` will return.
        work : float
            At least 0, in capacity x seconds.
        weight : float
            Share relative to the others', greater than 0.
        cap : float
            Highest rate of this job, greater than 0; infinite for none.

        Raises
        ------
        ParameterError
            A value outside its range.
        """
        require_number("job", "work", work, "work", zero=True)
        require_number("job", "weight", weight, "shares")
        if cap != math.inf:
            require_number("job", "cap", cap, "work/s")
        self._advance(now_s)
        group = self._classes.get((weight, cap))
        if group is None:
            group = self._classes[weight, cap] = _Class(weight, cap)
            self._by_level.append(group)
            self._by_level.sort(key=attrgetter("fill_level"))
        heapq.heappush(group.tags, (group.clock + work, next(self._sequence), job))
        self._fill()

    def take_finished(self, now_s: float) -> list[T]:
        """Let time pass until `now_s` and return the jobs that are done by then, in order of completion in each class.

        It must be called no later than `next_finish_s`, since rates are constant only between completions.
        """
        self._advance(now_s)
        finished: list[T] = []
        for group in self._by_level:
            while group.tags and now_s + (group.tags[0][0] - group.clock) / group.rate <= now_s:
                tag, _, job = heapq.heappop(group.tags)
                group.clock = max(group.clock, tag)
                finished.append(job)
        if finished:
            # an empty class goes, and its clock with it: the next job starts again from 0, with all digits
            self._by_level = [group for group in self._by_level if group.tags]
            self._classes = {(group.weight, group.cap): group for group in self._by_level}
            self._fill()
        return finished

    def next_finish_s(self) -> float:
        """Return when the next job will be done if none arrives; infinite when there is no job."""
        delays = [(group.tags[0][0] - group.clock) / group.rate for group in self._by_level]
        return self._now_s + max(0.0, min(delays)) if delays else math.inf

    def _advance(self, now_s: float) -> None:
        elapsed_s = now_s - self._now_s
        for group in self._by_level:
            group.clock += group.rate * elapsed_s
        self._now_s = now_s

    def _fill(self) -> None:
        """Pour the capacity: classes whose cap binds first take it, the rest share what is left by weight."""
        shares = [group.weight * len(group.tags) for group in self._by_level]
        waiting = list(itertools.accumulate(reversed(shares)))[::-1]
        left = self.capacity
        for group, waiting_shares in zip(self._by_level, waiting, strict=True):
            group.rate = min(group.cap, group.weight * left / waiting_shares)
            left -= group.rate * len(group.tags)
