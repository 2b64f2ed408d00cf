"""Reading and writing record documents, checked against the schema on both ways."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from sim.datafiles import data_path
from sim.errors import RecordError
from sim.record.document import SCHEMA, Records


@cache
def _validator() -> Any:
    # jsonschema costs 40 ms to import, and the simulator itself (also in a browser) never needs it
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(data_path("schema", "records-1.schema.json").read_text()))


def parse_records(document: Any, subject: str) -> Records:
    """Turn a JSON document into records.

    Parameters
    ----------
    document : Any
        What ``json.load`` gave.
    subject : str
        What to call it in an error, usually the file's path.

    Raises
    ------
    RecordError
        Another schema, or a document that does not fit its own.
    """
    found = document.get("schema") if isinstance(document, Mapping) else None
    if found != SCHEMA:
        raise RecordError(
            f"read records '{subject}': schema is {found!r}, not {SCHEMA!r}",
            "records are made by 'tare compare'; an older file needs the version of tare that wrote it",
        )
    error = next(iter(sorted(_validator().iter_errors(document), key=lambda e: list(map(str, e.path)))), None)
    if error is not None:
        place = "/".join(map(str, error.path)) or "the document"
        raise RecordError(f"read records '{subject}': {place}: {error.message[:300]}", "compare with data/schema")
    records = Records.from_dict(document)
    for density in records.densities:
        if len(density.running) != len(density.used_bytes):
            raise RecordError(f"read records '{subject}': density of {density.technology!r}: unequal lengths")
    return records


def load_records(path: Path) -> Records:
    """Read a record file; see `parse_records` for the errors."""
    try:
        document = json.loads(path.read_text())
    except OSError as error:
        raise RecordError(f"read records '{path}': {error.strerror}", "name a records.json that exists") from error
    except ValueError as error:
        raise RecordError(f"read records '{path}': not JSON: {error}", "name a records.json") from error
    return parse_records(document, str(path))


def save_records(records: Records, path: Path) -> None:
    """Write a record file, whole or not at all.

    Raises
    ------
    RecordError
        The records do not fit the schema, or the file cannot be written.
    """
    text = json.dumps(records.to_dict(), indent=1, allow_nan=False)
    parse_records(json.loads(text), str(path))
    part = path.with_suffix(".part")
    try:
        part.write_text(text + "\n")
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise RecordError(f"write records '{path}': {error.strerror}", "choose another folder with --out") from error
