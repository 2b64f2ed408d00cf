"""The router: from method and path to a handler.

A resource's module writes its handlers under `route`, and `runtime.api.server` puts the modules into one `Router`::

    @route("POST", "/containers/{name}/start")
    async def start(request: Request) -> Answer:
        await request.engine.containers.start(request.params["name"])
        return Response(204)

Every path is served with and without the version before it (``/v1.41/version``, ``/version``).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from urllib.parse import unquote

from runtime.api.engine import Engine
from runtime.api.errors import answer_error
from runtime.api.message import Answer, BodyError, Exchange, Headers, Request, Response, json_response
from runtime.api.query import Query
from runtime.errors import BadParameter

# As dockerd 20.10, the measure. Clients negotiate downwards from theirs; skopeo asks for 1.22 and does not negotiate
API_VERSION = "1.41"
MIN_API_VERSION = "1.12"

Handler = Callable[[Request], Awaitable[Answer]]

_VERSIONED = re.compile(r"/v([0-9.]{1,16})(/.*)", re.DOTALL)
_PLACEHOLDER = re.compile(r"\{(\w+)(:path)?\}")


@dataclass(frozen=True, slots=True)
class Route:
    """A handler and the requests that it is for.

    Attributes
    ----------
    method, pattern : str
        As given to `route`.
    handler : callable
        The asynchronous function.
    expression : re.Pattern
        Matches the whole decoded path, without the version.
    """

    method: str
    pattern: str
    handler: Handler
    expression: re.Pattern[str]


def route(method: str, pattern: str) -> Callable[[Handler], Route]:
    """Make an asynchronous function the handler of a method and a path.

    The handler is not cancelled while it works out its answer, even if the client hangs up, so that what it changes
    is changed whole; work that lasts belongs into the generator of a `Stream`. Errors of `runtime.errors` that it
    raises become answers, see `runtime.api.errors`.

    Parameters
    ----------
    method : str
        In capitals. GET does not imply HEAD.
    pattern : str
        A path. ``{name}`` stands for one part of it, ``{name:path}`` for one or more: an image's name has slashes.
        What they matched is ``request.params["name"]``. Where two patterns match, the one without ``:path`` wins.
    """

    def attach(handler: Handler) -> Route:
        return Route(method, pattern, handler, _expression(pattern))

    return attach


class Router:
    """All routes of the API.

    Parameters
    ----------
    engine : Engine
        Given to every handler.
    modules : iterable of module
        Their routes are served.
    server : str
        The program's name and version, for the header of that name.

    Raises
    ------
    ValueError
        Two routes of the same method and pattern.
    """

    def __init__(self, engine: Engine, modules: Iterable[ModuleType], server: str) -> None:
        self._engine = engine
        self._routes: dict[tuple[str, str], list[Route]] = defaultdict(list)
        self.headers: Headers = (
            ("Api-Version", API_VERSION),
            ("Docker-Experimental", "false"),
            ("Ostype", "linux"),
            ("Server", server),
        )
        routes = [entry for module in modules for entry in vars(module).values() if isinstance(entry, Route)]
        if len({(entry.method, entry.pattern) for entry in routes}) != len(routes):
            raise ValueError("two routes have the same method and pattern")
        for entry in sorted(routes, key=lambda entry: ":path" in entry.pattern):
            self._routes[entry.method, _resource(entry.pattern)].append(entry)

    async def respond(self, exchange: Exchange, body: AsyncIterator[bytes]) -> Answer:
        """Answer a request; the exchange is told the route that was found.

        Raises
        ------
        BodyError
            The request's body did not come as declared. Every other error has become an answer.
        """
        try:
            raw_path, _, raw_query = exchange.target.partition("?")
            path, version = split_version(unquote(raw_path, errors="replace"))
            found = self.find(exchange.method, path)
            if found is None:
                # As dockerd 20.10, which does not tell a wrong method from a wrong path
                return json_response({"message": "page not found"}, 404)
            matched, params = found
            exchange.route = matched.pattern
            number = check_version(version)
            request = Request(self._engine, params, Query.parse(raw_query), exchange.headers, number, body)
            return await matched.handler(request)
        except BodyError:
            raise
        except Exception as error:  # the boundary between the engine and its clients
            return answer_error(error)

    def refuse(self, error: Exception) -> Response:
        """Answer for a stream that failed before its first piece."""
        return answer_error(error)

    def find(self, method: str, path: str) -> tuple[Route, Mapping[str, str]] | None:
        """Find the route of a decoded path without version, and the named parts of the path."""
        for entry in self._routes.get((method, _resource(path)), ()):
            if match := entry.expression.fullmatch(path):
                return entry, match.groupdict()
        return None


def split_version(path: str) -> tuple[str, str]:
    """Divide a path from the version before it, which is the newest when there is none.

    Examples
    --------
    >>> split_version("/v1.40/images/json")
    ('/images/json', '1.40')
    """
    match = _VERSIONED.fullmatch(path)
    return (match[2], match[1]) if match else (path, API_VERSION)


def check_version(version: str) -> tuple[int, ...]:
    """Return a client's version as numbers.

    Raises
    ------
    BadParameter
        Older or newer than what is served, in dockerd's words.
    """
    numbers = _numbers(version)
    if numbers > _numbers(API_VERSION):
        reason = f"client version {version} is too new. Maximum supported API version is {API_VERSION}"
        raise BadParameter("negotiate", version, reason)
    if numbers < _numbers(MIN_API_VERSION):
        reason = (
            f"client version {version} is too old. Minimum supported API version is {MIN_API_VERSION}, "
            "please upgrade your client to a newer version"
        )
        raise BadParameter("negotiate", version, reason)
    return numbers


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part)


def _resource(path: str) -> str:
    """Return the first part of a path, which divides the table so that few patterns are tried."""
    return path[1:].partition("/")[0]


def _expression(pattern: str) -> re.Pattern[str]:
    parts, end = [], 0
    for hole in _PLACEHOLDER.finditer(pattern):
        parts += [re.escape(pattern[end : hole.start()]), f"(?P<{hole[1]}>{'.+' if hole[2] else '[^/]+'})"]
        end = hole.end()
    return re.compile("".join([*parts, re.escape(pattern[end:])]), re.DOTALL)
