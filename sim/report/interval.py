"""How sure a median is: its bootstrap interval, from the order statistics of a resample instead of resamples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

DRAWS = 20_000


def median_interval(values: Sequence[float], generator: np.random.Generator) -> tuple[float, float]:
    """Return the 95 % percentile-bootstrap interval of the median.

    Parameters
    ----------
    values : sequence of float
        Observations, at least one; any unit.
    generator : numpy.random.Generator
        The random stream.

    Returns
    -------
    tuple of float
        Lower and upper end, in the unit of `values`; equal when there is one observation.

    Notes
    -----
    A resample of n observations picks n ranks uniformly, and its median needs only the middle one (or two) of them.
    The k-th smallest of n uniforms is Beta(k, n + 1 - k), and the next one lies a Beta(1, n - k) share of the way from
    there to 1; so each draw costs two random numbers, whatever n is. The percentile bootstrap is Efron (1979).
    """
    ordered = np.sort(np.asarray(values, dtype=float))
    n = len(ordered)
    k = (n + 1) // 2
    lower = generator.beta(k, n + 1 - k, DRAWS)
    upper = lower + (1 - lower) * generator.beta(1, n - k, DRAWS) if n % 2 == 0 else lower
    medians = (ordered[(lower * n).astype(int)] + ordered[np.minimum((upper * n).astype(int), n - 1)]) / 2
    low, high = np.quantile(medians, (0.025, 0.975))
    return float(low), float(high)
