"""Random streams addressed by name, so that what is drawn never depends on the order of drawing.

A stream is a function of the seed and of its names alone. Adding an instance, a replication or a technology opens
streams of other names and moves no draw of those that were there: experiments stay comparable, and two technologies
that open the stream of the same name meet the same luck (common random numbers).
"""

from __future__ import annotations

import hashlib
import random

from sim.errors import ParameterError


def stream(seed: int, *names: str | int) -> random.Random:
    """Open the random stream of these names.

    Parameters
    ----------
    seed : int
        The experiment's seed, at least 0.
    *names : str or int
        What the stream is for, from the general to the particular: ``"boot", replication, instance``. The number 1
        and the text ``"1"`` are different names.

    Returns
    -------
    random.Random
        A generator of its own, independent of every other stream and of the global one.

    Raises
    ------
    ParameterError
        A negative seed, or one that is not an integer.

    Notes
    -----
    The key is the SHA-256 of seed and names, each written with its type and length; the generator is the standard
    library's Mersenne Twister, whose sequence for an integer seed is fixed across versions of Python.

    Examples
    --------
    >>> stream(7, "boot", 3).random() == stream(7, "boot", 3).random()
    True
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or seed < 0:
        raise ParameterError(f"open random stream: seed is {seed!r}, not an integer of 0 or more", "pass --seed 0")
    digest = hashlib.sha256()
    for name in (seed, *names):
        text = f"{type(name).__name__}:{name}".encode()
        digest.update(len(text).to_bytes(8, "big") + text)
    # S311: reproducibility is the purpose here, secrecy is not
    return random.Random(int.from_bytes(digest.digest(), "big"))  # noqa: S311
