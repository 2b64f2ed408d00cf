"""Query parameters by Docker's rules. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs

from runtime.errors import BadParameter

_FALSE = ("", "0", "no", "false", "none")

Filters = dict[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Query:
    """The parameters after the question mark; a repeated one keeps its values in order."""

    values: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, text: str) -> Query:
        """Parse ``a=1&b=2``; bytes that are no UTF-8 become replacement characters.

        Examples
        --------
        >>> Query.parse("all=1&names=a&names=b").texts("names")
        ('a', 'b')
        """
        pairs = parse_qs(text, keep_blank_values=True, errors="replace")
        return cls({name: tuple(values) for name, values in pairs.items()})

    def __contains__(self, name: str) -> bool:
        return name in self.values

    def text(self, name: str, default: str = "") -> str:
        """Return the first value of a parameter, or the default where it is absent."""
        return self.values.get(name, (default,))[0]

    def texts(self, name: str) -> tuple[str, ...]:
        """Return all values of a parameter; empty when it is absent."""
        return self.values.get(name, ())

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Read a boolean as dockerd does: false is what is empty, ``0``, ``no``, ``false`` or ``none``; the rest true.

        Examples
        --------
        >>> Query.parse("stream=True&tty=0&all=maybe").flag("all")
        True
        """
        return self.text(name).strip().lower() not in _FALSE if name in self.values else default

    def number(self, name: str, default: int) -> int:
        """Read a whole number; an empty or absent one is the default.

        Raises
        ------
        BadParameter
            Not a decimal number of at most 18 digits.
        """
        text = self.text(name)
        if not text:
            return default
        digits = text.removeprefix("-")
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 18):
            raise BadParameter("read parameter", name, f'invalid value "{text}" for {name}: not a whole number')
        return int(text)

    def time_ns(self, name: str) -> int | None:
        """Read a moment that a client sends as ``SECONDS`` or ``SECONDS.FRACTION`` since 1970.

        Returns
        -------
        int or None
            Nanoseconds; None when it is absent or empty. Digits beyond the ninth of the fraction are dropped.

        Raises
        ------
        BadParameter
            Not such a number.

        Examples
        --------
        >>> Query.parse("since=12.5").time_ns("since")
        12500000000
        """
        text = self.text(name)
        if not text:
            return None
        whole, _, fraction = text.partition(".")
        digits = whole.removeprefix("-") + fraction
        if not (digits.isascii() and digits.isdigit() and whole.removeprefix("-") and len(digits) <= 30):
            raise BadParameter("read parameter", name, f'invalid value "{text}" for {name}: not a time in seconds')
        part_ns = int(fraction[:9].ljust(9, "0"))
        return int(whole) * 1_000_000_000 + (-part_ns if whole.startswith("-") else part_ns)

    def filters(self, known: frozenset[str] | None = None) -> Filters:
        """Read ``filters``, a JSON object in its new form ``{"name": {"web": true}}`` or its old ``{"name": ["web"]}``.

        Parameters
        ----------
        known : frozenset of str, optional
            Names that the resource understands; without it any name is let through, as ``/events`` does.

        Raises
        ------
        BadParameter
            Not such an object, or a name that is not known.

        Examples
        --------
        >>> Query.parse('filters={"name": {"web": true, "db": false}}').filters()
        {'name': ('web',)}
        """
        text = self.text("filters")
        try:
            document = json.loads(text) if text else {}
            filters = {name: _filter_values(values) for name, values in (document or {}).items()}
        except (ValueError, TypeError, AttributeError, RecursionError) as error:
            raise BadParameter("read parameter", "filters", f"invalid filter: {text[:80]}") from error
        for name in filters:
            if known is not None and name not in known:
                raise BadParameter("read parameter", "filters", f"Invalid filter '{name}'")
        return filters


def _filter_values(values: object) -> tuple[str, ...]:
    if isinstance(values, dict):
        values = [name for name, wanted in values.items() if wanted]
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise TypeError("filter values")
    return tuple(values)
