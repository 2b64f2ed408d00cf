"""From an error's class to a status and a message in Docker's words: the only place that knows both.

Clients of Docker tell errors apart by the status, and often by the words; both are as dockerd 20.10 answers.
"""

from __future__ import annotations

import logging

from runtime.api.message import Response, json_response
from runtime.errors import (
    BadParameter,
    CommandError,
    Conflict,
    EngineError,
    Forbidden,
    NotFound,
    NotModified,
    Refusal,
    SpecError,
    Unauthorized,
    Unavailable,
    Unsupported,
)
from runtime.spec.reference import parse_reference

LOG = logging.getLogger(__name__)

# The first entry that an error is an instance of counts
STATUS: tuple[tuple[type[EngineError], int], ...] = (
    (NotModified, 304),
    (BadParameter, 400),
    (SpecError, 400),
    (CommandError, 400),
    (Unauthorized, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (Unsupported, 501),
    (Unavailable, 503),
    (EngineError, 500),
)

NOT_FOUND = {
    "container": "No such container: {}",
    "image": "No such image: {}",
    "network": "network {} not found",
    "volume": "get {}: no such volume",
    "exec instance": "No such exec instance: {}",
    "plugin": 'plugin "{}" not found',
    "manifest": "manifest for {} not found: manifest unknown: manifest unknown",
    "repository": "pull access denied for {}, repository does not exist or may require 'docker login': denied: "
    "requested access to the resource is denied",
    "image to push": "An image does not exist locally with the tag: {}",
}


def status_of(error: Exception) -> int:
    """Return the HTTP status that an error is answered with; 500 for what the engine did not foresee."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def words_of(error: Exception) -> str:
    """Return what a client is told of an error.

    Examples
    --------
    >>> words_of(NotFound("volume", "data"))
    'get data: no such volume'
    """
    if isinstance(error, NotFound):
        name = _with_tag(error.subject) if error.kind == "image" else error.subject
        return NOT_FOUND.get(error.kind, f"No such {error.kind}: {{}}").format(name)
    if isinstance(error, Refusal):
        return error.reason
    if isinstance(error, CommandError):
        reason = "executable file not found in $PATH" if error.exit_code == 127 else error.reason
        return (
            "failed to create task: OCI runtime create failed: unable to start container process: "
            f'exec: "{error.subject}": {reason}: unknown'
        )
    if isinstance(error, EngineError):
        return f"{error} ({error.hint})" if error.hint else str(error)
    return f"internal error: {type(error).__name__}: {error}"


def answer_error(error: Exception) -> Response:
    """Turn an error into an answer; one that nobody foresaw goes to the log with its traceback as well."""
    status = status_of(error)
    if not isinstance(error, EngineError):
        LOG.error("a request failed for an unforeseen reason", exc_info=error)
    return Response(304) if status == 304 else json_response({"message": words_of(error)}, status)


def _with_tag(name: str) -> str:
    """Name an image as dockerd does when it has none: with the tag that it looked for."""
    try:
        return parse_reference(name).familiar
    except EngineError:  # an identifier, or nothing that can be a name
        return name
