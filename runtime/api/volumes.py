"""``/volumes``: the endpoints of volumes."""

from __future__ import annotations

import asyncio

from runtime.api.message import Answer, Request, Response, json_response
from runtime.api.router import route
from runtime.engine.events import Event
from runtime.engine.volumes import Volume

_FILTERS = frozenset(("name", "label", "dangling", "driver"))


@route("GET", "/volumes")
async def list_all(request: Request) -> Answer:
    """List volumes."""
    filters = request.query.filters(_FILTERS)
    containers = request.engine.containers
    volumes = containers.volumes

    def wanted(volume: Volume) -> bool:
        for text in filters.get("label", ()):
            name, equals, value = text.partition("=")
            if name not in volume.labels or (equals and volume.labels[name] != value):
                return False
        if "name" in filters and not any(text in volume.name for text in filters["name"]):
            return False
        if "driver" in filters and "local" not in filters["driver"]:
            return False
        unused = not volumes.users(volume.name, containers.all())
        return "dangling" not in filters or unused == (filters["dangling"][0] in ("1", "true"))

    listed = [volumes.document(volume) for volume in volumes.all() if wanted(volume)]
    return json_response({"Volumes": listed, "Warnings": None})


@route("POST", "/volumes/create")
async def create(request: Request) -> Answer:
    """Make a volume."""
    body = await request.document()
    volumes = request.engine.containers.volumes
    volume = volumes.create(
        body.get("Name") or "", labels=body.get("Labels") or {}, options=body.get("DriverOpts") or {}
    )
    request.engine.events.publish(Event("volume", "create", volume.name, {"driver": "local"}))
    return json_response(volumes.document(volume), 201)


@route("GET", "/volumes/{name}")
async def inspect(request: Request) -> Answer:
    """Say all that is known of a volume."""
    volumes = request.engine.containers.volumes
    return json_response(volumes.document(volumes.find(request.params["name"])))


@route("DELETE", "/volumes/{name}")
async def remove(request: Request) -> Answer:
    """Remove a volume that nobody uses."""
    containers = request.engine.containers
    await asyncio.to_thread(containers.volumes.remove, request.params["name"], containers.all())
    request.engine.events.publish(Event("volume", "destroy", request.params["name"], {"driver": "local"}))
    return Response(204)


@route("POST", "/volumes/prune")
async def prune(request: Request) -> Answer:
    """Remove the volumes that nobody uses: with clients of this version, the named ones too."""
    containers = request.engine.containers
    removed = []
    for volume in containers.volumes.all():
        if not containers.volumes.users(volume.name, containers.all()):
            await asyncio.to_thread(containers.volumes.remove, volume.name, containers.all())
            removed.append(volume.name)
    return json_response({"VolumesDeleted": removed or None, "SpaceReclaimed": 0})
