"""Changes to an image's configuration, as ``docker import -c`` and ``docker commit -c`` take them. Pure.

They are lines of a Dockerfile, of the kind that only describes: CMD, ENV, LABEL, ...
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from runtime.errors import BadParameter

_LISTS = {"CMD": "Cmd", "ENTRYPOINT": "Entrypoint", "SHELL": "Shell"}
_TEXTS = {"USER": "User", "WORKDIR": "WorkingDir", "STOPSIGNAL": "StopSignal"}
_SETS = {"EXPOSE": "ExposedPorts", "VOLUME": "Volumes"}


def apply_changes(config: Mapping[str, Any], changes: Sequence[str]) -> dict[str, Any]:
    """Apply describing instructions to the ``config`` part of an image's configuration.

    Parameters
    ----------
    config : mapping
        Fields as image-spec config.md names them; not changed.
    changes : sequence of str
        For example ``CMD ["sh"]``, ``ENV A=1 B=2``, ``EXPOSE 80/tcp``.

    Raises
    ------
    BadParameter
        An instruction that is unknown, does more than describe, or has no arguments.

    Examples
    --------
    >>> apply_changes({"Env": ["A=1"]}, ["ENV A=2 B=3", "CMD echo hi"])
    {'Env': ['A=2', 'B=3'], 'Cmd': ['/bin/sh', '-c', 'echo hi']}
    """
    result = dict(config)
    for change in changes:
        word, _, rest = change.strip().partition(" ")
        word, rest = word.upper(), rest.strip()
        if not rest:
            raise _bad(change, f"{word or 'an instruction'} requires at least one argument")
        if word in _LISTS:
            result[_LISTS[word]] = _command(rest, result.get("Shell"), change)
        elif word in _TEXTS:
            result[_TEXTS[word]] = rest
        elif word in _SETS:
            listed = _json_list(rest, change) or _words(rest, change)
            if word == "EXPOSE":
                listed = [port if "/" in port else f"{port}/tcp" for port in listed]
            result[_SETS[word]] = dict(result.get(_SETS[word]) or {}) | {item: {} for item in listed}
        elif word == "ENV":
            variables = dict(entry.partition("=")[::2] for entry in result.get("Env") or ())
            result["Env"] = [f"{name}={value}" for name, value in (variables | _pairs(rest, change)).items()]
        elif word == "LABEL":
            result["Labels"] = dict(result.get("Labels") or {}) | _pairs(rest, change)
        elif word == "ONBUILD":
            result["OnBuild"] = [*(result.get("OnBuild") or ()), rest]
        else:
            raise _bad(change, f"{word} is not a valid change command")
    return result


def _command(text: str, shell: Sequence[str] | None, change: str) -> list[str]:
    listed = _json_list(text, change)
    return [*(shell or ("/bin/sh", "-c")), text] if listed is None else listed


def _json_list(text: str, change: str) -> list[str] | None:
    """Read the list form; None for the plain form."""
    if not text.startswith("["):
        return None
    try:
        listed = json.loads(text)
    except (ValueError, RecursionError):
        return None  # Docker takes it for the plain form, too
    if not isinstance(listed, list) or not all(isinstance(item, str) for item in listed):
        raise _bad(change, "a list holds strings only")
    return listed


def _words(text: str, change: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError as error:
        raise _bad(change, str(error).lower()) from error


def _pairs(text: str, change: str) -> dict[str, str]:
    if not re.match(r"[^\s=]+=", text):
        name, _, value = text.partition(" ")  # the old form: one name, the rest is its value
        if not value:
            raise _bad(change, "must have two arguments")
        return {name: value.strip()}
    pairs = {}
    for word in _words(text, change):
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise _bad(change, f"'{word}' is not of the form name=value")
        pairs[name] = value
    return pairs


def _bad(change: str, reason: str) -> BadParameter:
    return BadParameter("change image", change, reason, 'for example --change "ENV LANG=C"')
