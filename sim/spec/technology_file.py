"""Reading technologies from ``data/technologies/NAME.toml``.

A number is written in one of two ways::

    cpu_s = { from = "P109 * 8 / 12", spread = "P001" }            # computed from published rows
    cpu_s = { value = 0.6, unit = "ms", assumed = "why" }          # no row exists: an assumption, and listed as one

``from`` may be joined by ``assumed`` when a part of the expression, such as a share, is not in any row; it then counts
as an assumption too. ``spread`` is a row that states quantiles, or a number (then an assumption too); 0 if absent.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from sim.datafiles import data_path
from sim.errors import TechnologyError
from sim.spec.expression import evaluate, row_ids
from sim.spec.published import published_rows
from sim.spec.technology import DEMANDS, MEMORY_CATEGORIES, BootStage, Parameter, Technology
from sim.units import MEMORY, NUMBER, TIME, Quantity, known_units, to_quantity

_DIMENSIONS: Final = {"s": TIME, "bytes": MEMORY, "cores": NUMBER, "pids": NUMBER}
_TOP: Final = ("title", "description", "stage", "memory_bytes", "shared_bytes", "idle_cpu_cores", "pids")


def technology_names() -> tuple[str, ...]:
    """Return the names of the shipped technologies, sorted."""
    return tuple(sorted(path.stem for path in data_path("technologies").glob("*.toml")))


def load_technology(name: str) -> Technology:
    """Load a shipped technology.

    Parameters
    ----------
    name : str
        One of `technology_names`.

    Raises
    ------
    TechnologyError
        No such technology; the hint names the nearest and lists the known.
    """
    known = technology_names()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        guess = f"did you mean '{near[0]}'? " if near else ""
        raise TechnologyError(f"load technology '{name}': unknown", f"{guess}known: {', '.join(known)}")
    return load_technology_file(data_path("technologies", f"{name}.toml"))


def load_technology_file(path: Path) -> Technology:
    """Load a technology from a file of one's own; its name is the file's.

    Parameters
    ----------
    path : pathlib.Path
        A TOML file in the form of the shipped ones.

    Raises
    ------
    TechnologyError
        The file cannot be read, is not TOML, has an unknown or missing key, or a parameter that cannot be evaluated.
    """
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise TechnologyError(f"load technology '{path}': {error.strerror}", "name a file that exists") from error
    except ValueError as error:
        raise TechnologyError(
            f"load technology '{path}': not TOML: {error}", "compare with data/technologies"
        ) from error
    return _File(path).technology(document)


class _File:
    """The reading of one file, so that every error can name it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def technology(self, document: Mapping[str, Any]) -> Technology:
        self._check_keys("the file", document, required=_TOP, optional=("guest_memory_bytes",))
        stages = self._list(document["stage"])
        guest = document.get("guest_memory_bytes")
        pids = self._parameter("pids", "pids", document["pids"])
        if pids.value < 1:
            raise self._error(f"parameter 'pids' is {pids.value:g}", "whatever runs takes at least one process id")
        return Technology(
            name=self._path.stem,
            title=self._text("title", document["title"]),
            description=self._text("description", document["description"]),
            stages=tuple(self._stage(stage) for stage in stages),
            memory_bytes=self._categories("memory", document["memory_bytes"]),
            shared_bytes=self._categories("shared", document["shared_bytes"]),
            idle_cpu_cores=self._parameter("idle_cpu_cores", "cores", document["idle_cpu_cores"]),
            pids=pids,
            guest_memory_bytes=None if guest is None else self._parameter("guest_memory_bytes", "bytes", guest),
        )

    def _stage(self, table: Mapping[str, Any]) -> BootStage:
        self._check_keys("a stage", table, required=("name",), optional=("cores", *DEMANDS))
        name, cores = self._text("a stage's name", table["name"]), table.get("cores", 1)
        if not isinstance(cores, int) or isinstance(cores, bool) or cores < 1:
            raise self._error(f"stage '{name}': 'cores' is {cores!r}", "give an integer of at least 1")
        demands = {
            kind: self._parameter(f"{name}: {kind}", "s" if kind.endswith("_s") else "bytes", table[kind])
            for kind in DEMANDS
            if kind in table
        }
        if not demands:
            raise self._error(f"stage '{name}' demands nothing", f"give one of {', '.join(DEMANDS)}")
        return BootStage(name, cores, demands)

    def _categories(self, place: str, table: Any) -> dict[str, Parameter]:
        self._check_keys(f"'{place}_bytes'", table, required=(), optional=MEMORY_CATEGORIES)
        return {name: self._parameter(f"{place}: {name}", "bytes", entry) for name, entry in table.items()}

    def _parameter(self, name: str, unit: str, entry: Any) -> Parameter:
        place = f"parameter '{name}'"
        self._check_keys(place, entry, required=(), optional=("from", "value", "unit", "assumed", "spread"))
        expression, assumed = entry.get("from"), entry.get("assumed", "")
        if (expression is None) == ("value" not in entry):
            raise self._error(f"{place} needs 'from' or 'value', not both", "see the other files in data/technologies")
        if expression is None and not assumed:
            raise self._error(f"{place} has a value without a source", 'add assumed = "why", or use from = "ROW"')
        quantity = self._value(place, entry) if expression is None else self._evaluated(place, expression)
        if quantity.dimension != _DIMENSIONS[unit]:
            raise self._error(f"{place} is of kind '{quantity.dimension}', not in {unit}", "check its unit or its rows")
        if not 0 <= quantity.value < float("inf"):
            raise self._error(f"{place} is {quantity.value!r} {unit}", "it must be finite and 0 or more")
        spread, spread_text = self._spread(place, entry.get("spread", 0))
        words = (expression or "", f"assumption: {assumed}" if assumed else "", spread_text)
        return Parameter(
            name=name,
            value=quantity.value,
            unit=unit,
            source="; ".join(word for word in words if word),
            spread=spread,
            rows=row_ids(expression) if expression else (),
            is_assumption=bool(assumed) or spread_text.startswith("assumption"),
        )

    def _value(self, place: str, entry: Mapping[str, Any]) -> Quantity:
        value, unit = entry["value"], entry.get("unit", "")
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self._error(f"{place}: value is {value!r}", "give a number")
        if unit not in known_units():
            raise self._error(f"{place}: unit is {unit!r}", f"give one of {', '.join(known_units())}")
        return to_quantity(value, unit)

    def _evaluated(self, place: str, expression: Any) -> Quantity:
        try:
            return evaluate(self._text("from", expression), published_rows())
        except TechnologyError as error:
            raise self._error(f"{place}: {error.message}", error.hint) from error

    def _spread(self, place: str, spread: Any) -> tuple[float, str]:
        """Return the sigma and where it comes from; nothing is said of a spread of 0."""
        if isinstance(spread, str):
            row = published_rows().get(spread)
            sigma = row.spread() if row else None
            if sigma is None:
                raise self._error(f"{place}: row '{spread}' states no quantiles", "name a row with p10 and p90, or sd")
            return sigma, f"spread of {spread}"
        if isinstance(spread, bool) or not isinstance(spread, int | float) or not 0 <= spread < float("inf"):
            raise self._error(f"{place}: spread is {spread!r}", "give a row, or a number of 0 or more")
        return float(spread), f"assumption: spread {spread:g}" if spread else ""

    def _check_keys(self, place: str, table: Any, *, required: tuple[str, ...], optional: tuple[str, ...]) -> None:
        if not isinstance(table, Mapping):
            raise self._error(f"{place} is not a table", "compare with data/technologies")
        for key in table:
            if key not in (*required, *optional):
                near = difflib.get_close_matches(key, (*required, *optional), n=1)
                hint = f"did you mean '{near[0]}'?" if near else f"known: {', '.join((*required, *optional))}"
                raise self._error(f"unknown key '{key}' in {place}", hint)
        missing = [key for key in required if key not in table]
        if missing:
            raise self._error(f"no '{missing[0]}' in {place}", "compare with data/technologies")

    def _list(self, value: Any) -> list[Any]:
        if not isinstance(value, list) or not value:
            raise self._error("'stage' is not a list of tables", "write one [[stage]] table a stage")
        names = [stage.get("name") if isinstance(stage, Mapping) else None for stage in value]
        if len(set(map(str, names))) != len(names):
            raise self._error("two stages have one name", "name each stage once")
        return value

    def _text(self, place: str, value: Any) -> str:
        if not isinstance(value, str) or not value.strip():
            raise self._error(f"{place} is {value!r}", "give a text")
        return value

    def _error(self, reason: str, hint: str) -> TechnologyError:
        return TechnologyError(f"load technology '{self._path}': {reason}", hint)
