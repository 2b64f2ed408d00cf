"""Checks of single values against their range, with one wording for every error."""

from __future__ import annotations

import math

from sim.errors import ParameterError


def require_number(subject: str, name: str, value: float, unit: str, *, zero: bool = False) -> float:
    """Return a finite number greater than 0 (or at least 0), or refuse it.

    Parameters
    ----------
    subject : str
        What is being made, for the error: ``"host"``.
    name, unit : str
        The parameter and its unit.
    value : float
        The value; a bool is no number.
    zero : bool
        Whether 0 is accepted too.

    Raises
    ------
    ParameterError
        The value is no finite number of the range.
    """
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        accepted = "a finite number of 0 or more" if zero else "a finite number greater than 0"
        raise ParameterError(
            f"check {subject}: '{name}' is {value!r} {unit}, not {accepted}", f"give '{name}' as {accepted}, in {unit}"
        )
    return value


def require_count(subject: str, name: str, value: int, unit: str, *, least: int = 1) -> int:
    """Return an integer of at least `least`, or refuse it; the parameters are those of `require_number`.

    Raises
    ------
    ParameterError
        The value is no integer of the range.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise ParameterError(
            f"check {subject}: '{name}' is {value!r} {unit}, not an integer of at least {least}",
            f"give '{name}' as an integer of at least {least}",
        )
    return value
