"""``/containers``: the endpoints of containers."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import AsyncGenerator, Callable, Mapping

from runtime.api.message import Answer, Hijack, Request, Response, Stream, encode_json, json_response
from runtime.api.router import route
from runtime.api.streams import Channel, encode_frame
from runtime.api.threads import Download, Work
from runtime.engine.container import Container
from runtime.engine.documents import inspect, summary
from runtime.engine.logs import Entry, read_entries
from runtime.errors import BadParameter, Conflict
from runtime.image.diff import export_tree, list_changes

_STREAMS = {"stdout": Channel.STDOUT, "stderr": Channel.STDERR}
DETACH_KEYS = "ctrl-p,ctrl-q"


@route("POST", "/containers/create")
async def create(request: Request) -> Answer:
    """Make a container."""
    container = await request.engine.containers.create(request.query.text("name"), await request.document())
    return json_response({"Id": container.id, "Warnings": []}, 201)


@route("GET", "/containers/json")
async def list_all(request: Request) -> Answer:
    """List containers, running ones unless all are asked for."""
    filters = request.query.filters(_FILTERS)
    every = request.query.flag("all") or "status" in filters or "exited" in filters
    limit = request.query.number("limit", -1)
    chosen = [
        container
        for container in request.engine.containers.all()
        if (every or limit > 0 or container.alive) and _matches(container, filters)
    ]
    return json_response([summary(container, time.time()) for container in chosen[: limit if limit > 0 else None]])


_FILTERS = frozenset(
    ("ancestor", "before", "exited", "expose", "health", "id", "label", "name", "network", "publish", "since", "status",
     "volume", "is-task", "isolation")
)  # fmt: skip


def _matches(container: Container, filters: Mapping[str, tuple[str, ...]]) -> bool:
    labels = container.config.get("Labels") or {}
    tests = {
        "id": lambda wanted: any(container.id.startswith(value) for value in wanted),
        "name": lambda wanted: any(value.removeprefix("/") in container.name for value in wanted),
        "status": lambda wanted: container.state.status in wanted,
        "exited": lambda wanted: container.state.status == "exited" and str(container.state.exit_code) in wanted,
        "ancestor": lambda wanted: any(
            value in (container.image, f"{container.image}:latest", container.image.removesuffix(":latest"))
            or container.image_id.removeprefix("sha256:").startswith(value.removeprefix("sha256:"))
            for value in wanted
        ),
        "label": lambda wanted: all(
            name in labels and (not equals or labels[name] == content)
            for name, equals, content in (value.partition("=") for value in wanted)
        ),
        "network": lambda wanted: (container.host_config.get("NetworkMode") or "default") in wanted,
    }
    return all(tests[name](wanted) for name, wanted in filters.items() if name in tests)


@route("GET", "/containers/{name}/json")
async def inspect_one(request: Request) -> Answer:
    """Say all that is known of a container."""
    containers = request.engine.containers
    container = containers.find(request.params["name"])
    return json_response(inspect(container, str(containers.folder(container)), str(containers.log_path(container))))


@route("POST", "/containers/{name}/start")
async def start(request: Request) -> Answer:
    """Run a container's program."""
    await request.engine.containers.start(request.params["name"])
    return Response(204)


@route("POST", "/containers/{name}/stop")
async def stop(request: Request) -> Answer:
    """Stop a container."""
    await request.engine.containers.stop(request.params["name"], _grace_s(request))
    return Response(204)


@route("POST", "/containers/{name}/restart")
async def restart(request: Request) -> Answer:
    """Stop a container and start it again."""
    await request.engine.containers.restart(request.params["name"], _grace_s(request))
    return Response(204)


def _grace_s(request: Request) -> int | None:
    return request.query.number("t", 0) if request.query.text("t") else None


@route("POST", "/containers/{name}/kill")
async def kill(request: Request) -> Answer:
    """Send a signal to a container."""
    await request.engine.containers.kill(request.params["name"], request.query.text("signal"))
    return Response(204)


@route("POST", "/containers/{name}/rename")
async def rename(request: Request) -> Answer:
    """Give a container another name."""
    request.engine.containers.rename(request.params["name"], request.query.text("name"))
    return Response(204)


@route("POST", "/containers/{name}/resize")
async def resize(request: Request) -> Answer:
    """Set the size of a container's terminal."""
    rows, columns = request.query.number("h", 0), request.query.number("w", 0)
    request.engine.containers.resize(request.params["name"], rows, columns)
    return Response(200)


@route("DELETE", "/containers/{name}")
async def remove(request: Request) -> Answer:
    """Remove a container."""
    force, volumes = request.query.flag("force"), request.query.flag("v")
    await request.engine.containers.remove(request.params["name"], force=force, volumes=volumes)
    return Response(204)


@route("POST", "/containers/prune")
async def prune(request: Request) -> Answer:
    """Remove all containers that do not run."""
    containers = request.engine.containers
    removed = []
    for container in containers.all():
        if container.state.status in ("created", "exited", "dead"):
            await containers.remove(container.id, force=False, volumes=False)
            removed.append(container.id)
    return json_response({"ContainersDeleted": removed or None, "SpaceReclaimed": 0})


@route("POST", "/containers/{name}/wait")
async def wait(request: Request) -> Answer:
    """Wait until a container ends; the head is sent at once, so that a client knows that it is waited for."""
    condition = request.query.text("condition") or "not-running"
    if condition not in ("not-running", "next-exit", "removed"):
        raise BadParameter("wait", condition, f"invalid condition: {condition!r}")
    containers = request.engine.containers
    container = containers.find(request.params["name"])
    waiting = asyncio.ensure_future(containers.wait(container.id, condition))
    await asyncio.sleep(0)

    async def answer() -> AsyncGenerator[bytes, None]:
        try:
            yield encode_json({"Error": None, "StatusCode": await waiting})
        finally:
            waiting.cancel()

    return Stream(answer())


@route("POST", "/containers/{name}/attach")
async def attach(request: Request) -> Answer:
    """Give a client a container's input and outputs."""
    query, containers = request.query, request.engine.containers
    container = containers.find(request.params["name"])
    if container.state.status == "paused":
        reason = f"container {container.id} is paused, unpause the container before attach"
        raise Conflict("attach", container.name, reason)
    outputs = (1 if query.flag("stdout") else 0) | (2 if query.flag("stderr") else 0)
    keys = parse_keys(query.text("detachKeys") or DETACH_KEYS)

    async def take(descriptor: int, data: bytes) -> None:
        try:
            containers.attach(
                container.id, descriptor, wants_input=query.flag("stdin"), outputs=outputs, data=data, keys=keys
            )
        finally:
            os.close(descriptor)

    return Hijack(take)


def parse_keys(text: str) -> bytes:
    r"""Parse the keys that detach a client: characters or ``ctrl-`` and one, separated by commas.

    Raises
    ------
    BadParameter
        Not of that form.

    Examples
    --------
    >>> parse_keys("ctrl-p,ctrl-q"), parse_keys("a,ctrl-@")
    (b'\x10\x11', b'a\x00')
    """
    keys = bytearray()
    for part in text.split(","):
        control = part.startswith("ctrl-") and len(part) == 6
        letter = part[-1:] if control else part
        if len(letter) != 1 or not letter.isascii():
            raise BadParameter(
                "detach keys", text, f"Invalid escape keys ({text}) provided: Unknown character: '{part}'"
            )
        keys.append(ord(letter.upper()) & 0x1F if control else ord(letter))
    return bytes(keys)


@route("GET", "/containers/{name}/logs")
async def logs(request: Request) -> Answer:
    """Read a container's log, and follow it."""
    query, containers = request.query, request.engine.containers
    container = containers.find(request.params["name"])
    wanted = {name for name in _STREAMS if query.flag(name)}
    if not wanted:
        raise BadParameter("logs", container.name, "Bad parameters: you must choose at least one stream")
    tail_text = query.text("tail") or "all"
    tail = int(tail_text) if tail_text.isdigit() else None
    follow = query.flag("follow")
    started = container.state.started_at

    def more() -> bool:
        running = container.alive and container.state.started_at == started
        return running or container.id in containers.supervisor.watched

    async def lines() -> AsyncGenerator[bytes, None]:
        entries = read_entries(
            containers.log_path(container),
            tail=tail,
            since=_bound(query.time_ns("since")),
            until=_bound(query.time_ns("until")),
            follow=more if follow else None,
        )
        async with contextlib.aclosing(entries):
            async for entry in entries:
                if entry.stream in wanted:
                    yield _logged(entry, timestamps=query.flag("timestamps"), tty=container.config["Tty"])

    return Stream(lines(), content_type="")


def _bound(moment_ns: int | None) -> str:
    if not moment_ns:
        return ""
    whole_s, fraction_ns = divmod(moment_ns, 1_000_000_000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole_s))}.{fraction_ns:09d}Z"


def _logged(entry: Entry, *, timestamps: bool, tty: bool) -> bytes:
    data = (f"{entry.time} {entry.data}" if timestamps else entry.data).encode(errors="surrogateescape")
    return data if tty else encode_frame(_STREAMS[entry.stream], data)


@route("GET", "/containers/{name}/top")
async def top(request: Request) -> Answer:
    """List a container's processes, as the host sees them."""
    container = request.engine.containers.find(request.params["name"])
    if not container.alive:
        raise Conflict("top", container.name, f"Container {container.id} is not running")
    arguments = (request.query.text("ps_args") or "-ef").split()
    listed = await asyncio.create_subprocess_exec(
        "ps", *arguments, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE
    )
    output, said = await listed.communicate()
    if listed.returncode:
        raise BadParameter("top", container.name, f"ps: {said.decode(errors='replace').strip()}")
    titles, *rows = output.decode(errors="replace").splitlines()
    names = titles.split()
    if "PID" not in names:
        raise BadParameter("top", container.name, "Couldn't find PID field in ps output")
    column = names.index("PID")
    inside = _pids_inside(container.state.pid)
    processes = [row.split(None, len(names) - 1) for row in rows]
    return json_response({"Titles": names, "Processes": [row for row in processes if row[column] in inside]})


def _pids_inside(first: int) -> set[str]:
    """Process ids, as the host sees them, of all that live in a process' PID namespace."""
    namespace = os.readlink(f"/proc/{first}/ns/pid")
    found = set()
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{entry}/ns/pid") == namespace:
                    found.add(entry)
    return found


@route("GET", "/containers/{name}/changes")
async def changes(request: Request) -> Answer:
    """List what a container changed in its image."""
    containers = request.engine.containers
    container = containers.find(request.params["name"])
    upper, *layers = containers.layers(container)
    found = await asyncio.to_thread(list_changes, upper, layers)
    own = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf", "/dev", "/proc", "/sys")  # made by the engine
    return json_response([change.to_dict() for change in found if not change.path.startswith(own)])


@route("GET", "/containers/{name}/export")
async def export(request: Request) -> Answer:
    """Send all files of a container as one archive."""
    containers = request.engine.containers
    layers = containers.layers(containers.find(request.params["name"]))

    def function(give: Callable[[bytes], None]) -> None:
        sink = Download(give)
        export_tree(layers, sink)
        sink.flush()

    return Stream(Work(function).results(), "application/octet-stream", at_once=False)
