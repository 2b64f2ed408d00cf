"""Sizes as Docker's options take them: a number and an optional binary unit."""

from __future__ import annotations

import re

from runtime.errors import SpecError

_UNITS = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_FORM = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(?:i?b)?", re.IGNORECASE)


def parse_size_bytes(text: str) -> int:
    """Parse a size.

    Parameters
    ----------
    text : str
        For example ``64m``, ``1.5g``, ``65536``; units are powers of 1024 whatever their spelling, as with Docker.

    Returns
    -------
    int
        Bytes, at least 0.

    Raises
    ------
    SpecError
        Negative, or not a size.
    """
    match = _FORM.fullmatch(text.strip())
    if match is None:
        raise SpecError("read size", text, "not a positive number with a unit of b, k, m or g", "for example 64m")
    return int(float(match[1]) * _UNITS[match[2].lower()])
