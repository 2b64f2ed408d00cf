"""Moments as users write them in filters: a date, seconds since 1970, or how long ago. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from runtime.errors import BadParameter

_UNITS_NS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
_STEP = re.compile(r"(\d{1,15}(?:\.\d{1,9})?)(ns|us|µs|ms|s|m|h)")
_DURATION = re.compile(rf"(?:{_STEP.pattern})+")
_SECONDS = re.compile(r"(\d{1,12})(?:\.(\d{1,9}))?")


def parse_moment_ns(text: str, now_ns: int) -> int:
    """Read a moment.

    Parameters
    ----------
    text : str
        ``2026-11-23T10:00:00Z`` or the beginning of it (in UTC when no zone is named), ``1795435200.5``, or a duration
        such as ``1h30m``, which means that long ago.
    now_ns : int
        Nanoseconds since 1970.

    Returns
    -------
    int
        Nanoseconds since 1970.

    Raises
    ------
    BadParameter
        None of these.

    Examples
    --------
    >>> parse_moment_ns("1m30s", now_ns=100 * 10**9)
    10000000000
    """
    if match := _SECONDS.fullmatch(text):
        return int(match[1]) * 10**9 + int((match[2] or "").ljust(9, "0"))
    if _DURATION.fullmatch(text):
        return now_ns - round(sum(float(number) * _UNITS_NS[unit] for number, unit in _STEP.findall(text)))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        reason = f'failed to parse value as time or duration: "{text}"'
        raise BadParameter("read moment", text, reason, "write it like 24h or 2026-11-23T10:00:00Z") from error
    return round((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1e6) * 1000
