"""Taking samples so that drivers can be compared: interleaved, in random order, after a warm-up.

On a shared machine the speed drifts. Drivers that are sampled in turn meet the same drift, and the random order keeps
any of them from always coming after the same other.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from runtime.bench.drivers.driver import Driver, Sample
from runtime.errors import BenchError

WARM_UP = 3


def take_samples(
    drivers: Sequence[Driver], samples: int, seed: int, progress: Callable[[], None]
) -> dict[str, list[Sample]]:
    """Launch every driver in rounds.

    Parameters
    ----------
    drivers : sequence of Driver
        Entered, ready to launch.
    samples : int
        Counted launches of each, at least 1; `WARM_UP` more come first and are thrown away.
    seed : int
        Of the order within each round.
    progress : callable
        Called after every launch, warm-up included.

    Returns
    -------
    dict of str to list of Sample
        By driver name, in order of time.

    Raises
    ------
    BenchError
        `samples` is below 1, or a launch failed.
    """
    if samples < 1:
        raise BenchError("take samples", str(samples), "at least 1 is needed", "for example --samples 30")
    order = random.Random(seed)  # noqa: S311  not a secret
    taken: dict[str, list[Sample]] = {driver.name: [] for driver in drivers}
    for number in range(WARM_UP + samples):
        for driver in order.sample(drivers, len(drivers)):
            sample = driver.launch()
            if number >= WARM_UP:
                taken[driver.name].append(sample)
            progress()
    return taken
