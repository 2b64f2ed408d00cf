"""What passes between a connection and a handler: a request, and one of three answers.

::

    Response   a status and a body that is at hand
    Stream     a body that comes piece by piece, for as long as the client listens
    Hijack     no more HTTP: the connection itself is given away
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from runtime.api.engine import Engine
from runtime.api.query import Query
from runtime.errors import BadParameter

# Uploads are streams; no document that a client of Docker's sends comes near it
DOCUMENT_BYTES = 8 << 20

JSON = "application/json"
RAW_STREAM = "application/vnd.docker.raw-stream"
TAR = "application/x-tar"
TEXT = "text/plain; charset=utf-8"

Headers = tuple[tuple[str, str], ...]


class BodyError(Exception):
    """The client did not send the body that it declared; its connection is of no more use."""


@dataclass(slots=True)
class Exchange:
    """One request and what became of it: what `tare daemon --trace` is told when the answer has ended.

    Attributes
    ----------
    method : str
        In capitals.
    target : str
        Path and query as they were sent, percent-encoded.
    headers : mapping of str to str
        Names in lower case; of a repeated name the last value.
    client_pid : int
        The process that connected (SO_PEERCRED, unix(7)); 0 when it cannot be seen from here.
    started_s : float
        When the request's head was complete, by time.monotonic().
    route : str
        Pattern of the route that was found; empty when there was none.
    status : int
        What was answered; 0 until then.
    duration_s : float
        From the head of the request to the last byte of the answer; to the hand-over of a hijacked connection.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    client_pid: int
    started_s: float
    route: str = ""
    status: int = 0
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Request:
    """A request that has found its handler.

    Attributes
    ----------
    engine : Engine
        What the handler works with.
    params : mapping of str to str
        The named parts of the path, decoded.
    query : Query
        The parameters after the question mark.
    headers : mapping of str to str
        Names in lower case.
    version : tuple of int
        The API version that the client chose, such as ``(1, 41)``.
    body : asynchronous iterator of bytes
        The body as it arrives, in pieces; to be iterated at most once. What is not read is thrown away.
    """

    engine: Engine
    params: Mapping[str, str]
    query: Query
    headers: Mapping[str, str]
    version: tuple[int, ...]
    body: AsyncIterator[bytes]

    async def document(self) -> dict[str, Any]:
        """Read the body as a JSON object; an absent body is an empty one.

        Raises
        ------
        BadParameter
            Not declared as JSON, not a JSON object, or larger than 8 MiB.
        """
        data = bytearray()
        async for piece in self.body:
            data += piece
            if len(data) > DOCUMENT_BYTES:
                raise BadParameter("read request body", "JSON", f"request body larger than {DOCUMENT_BYTES} bytes")
        if not data:
            return {}
        declared = self.headers.get("content-type", "")
        if declared.partition(";")[0].strip().lower() != JSON:
            reason = f"Content-Type specified ({declared}) must be '{JSON}'"
            raise BadParameter("read request body", "Content-Type", reason)
        try:
            document = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BadParameter("read request body", "JSON", f"invalid JSON: {error}") from error
        if document is None:
            return {}
        if not isinstance(document, dict):
            raise BadParameter("read request body", "JSON", "invalid JSON: not an object")
        return document


@dataclass(frozen=True, slots=True)
class Response:
    """An answer that is at hand.

    Attributes
    ----------
    status : int
        200 to 599.
    body : bytes
        Left out, though its length is told, when the request was HEAD; left out with 204 and 304.
    content_type : str
        Empty to name none.
    headers : tuple of pairs of str
        Beside those of every answer.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = ""
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Stream:
    """An answer that comes piece by piece.

    The generator is run only as fast as the client reads. It is cancelled at an ``await`` of its own, or closed at a
    ``yield``, when the client hangs up or the daemon shuts down. A client that closes only its sending side is still
    listening and is served on.

    Attributes
    ----------
    chunks : asynchronous generator of bytes
        The body; an empty piece is skipped. When it raises, the connection is cut so that the client does not take a
        part for the whole; unless nothing was sent yet, and `at_once` is false: then the error is the answer.
    content_type : str
        Empty to name none.
    at_once : bool
        Whether status and headers are sent before the first piece is there: true for what a client waits upon
        (events, wait, logs), false for what may still fail (pull).
    headers : tuple of pairs of str
        Beside those of every answer.
    """

    chunks: AsyncGenerator[bytes, None]
    content_type: str = JSON
    at_once: bool = True
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Hijack:
    """The connection is given away: 101 if the client proposed an upgrade, else 200, then bytes both ways without HTTP.

    Attributes
    ----------
    take : callable
        Awaited after the head was sent, with the socket's descriptor and the bytes that the client sent after its
        request; to return as soon as the descriptor is in other hands. The descriptor is the taker's to close; it is
        non-blocking and close-on-exec. The server has forgotten it, so it may be sent to another process. It may be
        half closed by the client, now or later: reading then ends, writing does not.
    content_type : str
        As the API description says of the request.
    """

    take: Callable[[int, bytes], Awaitable[None]]
    content_type: str = RAW_STREAM


Answer = Response | Stream | Hijack


def json_response(value: Any, status: int = 200) -> Response:
    """Answer with a JSON value and a line's end, as dockerd does."""
    return Response(status, encode_json(value), JSON)


def encode_json(value: Any) -> bytes:
    """Encode one JSON value without blanks, with the line's end that divides it from the next."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode(errors="replace") + b"\n"
