"""Statistics of samples: medians and ratios of medians, with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_RESAMPLES = 2000
_SEED = 20131015  # any will do; fixed so that the same samples give the same interval


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float


def _resampled_medians(
    samples: Sequence[float], generator: np.random.Generator
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    values = np.asarray(samples, dtype=float)
    drawn = generator.integers(0, len(values), size=(_RESAMPLES, len(values)))
    medians: np.ndarray[tuple[int], np.dtype[np.float64]] = np.median(values[drawn], axis=1)
    return medians


def median(samples: Sequence[float]) -> Estimate:
    """Median with the percentile bootstrap's interval (Efron, 1979)."""
    low, high = np.percentile(_resampled_medians(samples, np.random.default_rng(_SEED)), (2.5, 97.5))
    return Estimate(float(np.median(samples)), float(low), float(high))


def ratio_of_medians(numerator: Sequence[float], denominator: Sequence[float]) -> Estimate:
    """Ratio of two medians; numerator and denominator are resampled independently."""
    generator = np.random.default_rng(_SEED)
    ratios = _resampled_medians(numerator, generator) / _resampled_medians(denominator, generator)
    low, high = np.percentile(ratios, (2.5, 97.5))
    return Estimate(float(np.median(numerator) / np.median(denominator)), float(low), float(high))
