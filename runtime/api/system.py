"""What concerns the engine as a whole: ping, version, info, events, disk usage, and what it has none of."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncGenerator
from typing import Any

from runtime.api.message import TEXT, Answer, Request, Response, Stream, json_response
from runtime.api.router import API_VERSION, MIN_API_VERSION, route
from runtime.api.streams import encode_event
from runtime.engine.events import EventBus, Filters
from runtime.errors import NotFound, Unavailable

# The classic builder, POST /build: a client does not offer BuildKit's session then
_PING_HEADERS = (
    ("Builder-Version", "1"),
    ("Cache-Control", "no-cache, no-store, must-revalidate"),
    ("Pragma", "no-cache"),
)


@route("GET", "/_ping")
async def ping(request: Request) -> Answer:
    """Say that the daemon is there; the headers of every answer tell the rest."""
    return Response(200, b"OK", TEXT, _PING_HEADERS)


@route("HEAD", "/_ping")
async def ping_head(request: Request) -> Answer:
    """Say the same without a body: what the docker command asks first of all."""
    return Response(200, b"", TEXT, _PING_HEADERS)


@route("GET", "/version")
async def version(request: Request) -> Answer:
    """Describe the program; the versions of the API are the router's."""
    versions = {"ApiVersion": API_VERSION, "MinAPIVersion": MIN_API_VERSION}
    document = request.engine.version() | versions
    components: list[dict[str, Any]] = document.get("Components") or []
    document["Components"] = [
        {**part, "Details": {**part.get("Details", {}), **versions}} if part["Name"] == "Engine" else part
        for part in components
    ]
    return json_response(document)


@route("GET", "/info")
async def info(request: Request) -> Answer:
    """Describe host and engine."""
    return json_response(request.engine.info() | {"NEventsListener": request.engine.events.subscribers})


@route("GET", "/events")
async def events(request: Request) -> Answer:
    """Tell what happened since a moment, and what happens until another, or until the client has heard enough."""
    query = request.query
    return Stream(_events(request.engine.events, query.filters(), query.time_ns("since"), query.time_ns("until")))


async def _events(
    bus: EventBus, filters: Filters, since_ns: int | None, until_ns: int | None
) -> AsyncGenerator[bytes, None]:
    async with contextlib.aclosing(bus.subscribe(filters)) as live:
        if since_ns is not None or until_ns is not None:
            for event in bus.past(since_ns or 0, until_ns, filters):
                yield encode_event(event)
        while until_ns is None or until_ns > time.time_ns():
            left_s = None if until_ns is None else (until_ns - time.time_ns()) / 1e9
            try:
                event = await asyncio.wait_for(anext(live), left_s)
            except TimeoutError:
                return
            yield encode_event(event)


@route("GET", "/system/df")
async def disk_usage(request: Request) -> Answer:
    """Tell what images, containers, volumes and the build cache hold on disk."""
    return json_response(await request.engine.disk_usage())


@route("GET", "/plugins")
async def plugins(request: Request) -> Answer:
    """List plugins: there are none."""
    return json_response([])


@route("GET", "/plugins/{name:path}/json")
async def plugin(request: Request) -> Answer:
    """Look for a plugin, as `docker inspect` does when nothing else has the name."""
    raise NotFound("plugin", request.params["name"])


async def _no_swarm(request: Request) -> Answer:
    reason = (
        'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node to '
        "swarm and try again."
    )
    raise Unavailable("list", "swarm", reason)


swarm, nodes, services, tasks, secrets, configs = (
    route("GET", path)(_no_swarm) for path in ("/swarm", "/nodes", "/services", "/tasks", "/secrets", "/configs")
)
