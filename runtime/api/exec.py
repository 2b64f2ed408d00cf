"""``/exec``: more processes in running containers."""

from __future__ import annotations

import asyncio
import contextlib
import os

from runtime.api.containers import DETACH_KEYS, parse_keys
from runtime.api.errors import words_of
from runtime.api.message import Answer, Hijack, Request, Response, json_response
from runtime.api.router import route
from runtime.api.streams import Channel, encode_frame
from runtime.errors import EngineError

_ENDING_S = 1.0


@route("POST", "/containers/{name}/exec")
async def create(request: Request) -> Answer:
    """Prepare a process."""
    execution = request.engine.containers.create_execution(request.params["name"], await request.document())
    return json_response({"Id": execution.id}, 201)


@route("POST", "/exec/{id}/start")
async def start(request: Request) -> Answer:
    """Run a prepared process, with its input and outputs on this connection unless it is detached."""
    containers = request.engine.containers
    execution = containers.execution(request.params["id"])
    asked = await request.document()
    if asked.get("Detach"):
        await containers.start_execution(execution)
        return Response(200)
    document = execution.document
    outputs = (1 if document.get("AttachStdout") else 0) | (2 if document.get("AttachStderr") else 0)
    keys = parse_keys(document.get("DetachKeys") or DETACH_KEYS)

    async def take(descriptor: int, data: bytes) -> None:
        try:
            containers.supervisor.attach(
                execution.id,
                descriptor,
                framed=not document.get("Tty"),
                wants_input=bool(document.get("AttachStdin")),
                outputs=outputs,
                data=data,
                keys=keys,
            )
            try:
                await containers.start_execution(execution)
            except EngineError as error:
                # the head has been sent: what is left is to say it where the output would have been
                os.write(descriptor, _failure(error, framed=not document.get("Tty")))
        finally:
            os.close(descriptor)

    return Hijack(take)


def _failure(error: EngineError, *, framed: bool) -> bytes:
    words = words_of(error).removeprefix("failed to create task: OCI runtime create failed: ")
    text = f"OCI runtime exec failed: exec failed: {words}\r\n".encode()
    return encode_frame(Channel.STDOUT, text) if framed else text


@route("POST", "/exec/{id}/resize")
async def resize(request: Request) -> Answer:
    """Set the size of a process' terminal."""
    containers = request.engine.containers
    execution = containers.execution(request.params["id"])
    containers.supervisor.resize(execution.id, request.query.number("h", 0), request.query.number("w", 0))
    return Response(200)


@route("GET", "/exec/{id}/json")
async def inspect(request: Request) -> Answer:
    """Say what became of a process."""
    containers = request.engine.containers
    execution = containers.execution(request.params["id"])
    if execution.running and execution.id not in containers.supervisor.watched:
        # its outputs are closed, so it is about to end: who asks now wants to know with which status
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(execution.ended.wait(), _ENDING_S)
    document = execution.document
    program, *arguments = document["Cmd"]
    return json_response(
        {
            "ID": execution.id,
            "Running": execution.running,
            "ExitCode": execution.exit_code,
            "ProcessConfig": {
                "tty": bool(document.get("Tty")),
                "entrypoint": program,
                "arguments": arguments,
                "privileged": bool(document.get("Privileged")),
                "user": document.get("User", ""),
            },
            "OpenStdin": bool(document.get("AttachStdin")),
            "OpenStderr": bool(document.get("AttachStderr")),
            "OpenStdout": bool(document.get("AttachStdout")),
            "CanRemove": not execution.running,
            "ContainerID": execution.container.id,
            "DetachKeys": "",
            "Pid": execution.pid,
        }
    )
