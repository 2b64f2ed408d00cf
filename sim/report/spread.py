"""Labels beside one another without overlap: one-dimensional placement with the least total movement."""

from __future__ import annotations

from collections.abc import Sequence


def spread(wanted: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Move the centres of intervals apart until none overlaps, as little as possible.

    Parameters
    ----------
    wanted : sequence of float
        Wanted centres, in any order and unit.
    sizes : sequence of float
        Length of each interval, >= 0, of the same length as `wanted`.
    low, high : float
        Bounds of the whole row; when it is too short for all intervals they run over `high`.

    Returns
    -------
    list of float
        Centres, in the order of `wanted`; their order along the line is kept.

    Notes
    -----
    With the space taken by earlier intervals subtracted, "no overlap" becomes "non-decreasing", and the least-squares
    answer is isotonic regression, solved by pooling adjacent violators (Ayer et al. 1955); bounds are then a clip.

    Examples
    --------
    >>> spread([5.0, 5.0], [2.0, 2.0], 0.0, 10.0)
    [4.0, 6.0]
    """
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    offsets: list[float] = []
    taken = 0.0
    for i in order:
        offsets.append(taken + sizes[i] / 2)
        taken += sizes[i]
    pools: list[tuple[float, int]] = []
    for place, i in enumerate(order):
        mean, count = wanted[i] - offsets[place], 1
        while pools and pools[-1][0] > mean:
            before, members = pools.pop()
            mean, count = (before * members + mean * count) / (members + count), members + count
        pools.append((mean, count))
    levels = [max(low, min(mean, high - taken)) for mean, count in pools for _ in range(count)]
    centres = [0.0] * len(order)
    for place, i in enumerate(order):
        centres[i] = levels[place] + offsets[place]
    return centres
