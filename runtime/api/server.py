"""The daemon's server: every resource on one socket, from the first client to an orderly end."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

from runtime.api import containers, exec, images, login, system, transfer, volumes
from runtime.api.engine import Engine
from runtime.api.http import HttpServer
from runtime.api.listener import Listener
from runtime.api.message import Exchange
from runtime.api.router import Router

RESOURCES = (system, login, containers, exec, images, transfer, volumes)


async def serve(engine: Engine, socket_path: Path, trace: Callable[[Exchange], None] | None = None) -> None:
    """Serve an engine until SIGTERM or SIGINT, then let what is being answered be answered, and return.

    The engine itself is left to the caller, to be shut down after its last client.

    Parameters
    ----------
    engine : Engine
        What the requests are about.
    socket_path : pathlib.Path
        See `runtime.api.listener.Listener`.
    trace : callable, optional
        Told of every exchange when its answer has ended; must neither raise nor block.

    Raises
    ------
    EngineError
        The socket cannot be had.
    """
    router = Router(engine, RESOURCES, f"Tare/{engine.version()['Version']} (linux)")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    server = HttpServer(Listener(socket_path), router, trace)
    try:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        tell_service_manager("READY=1")
        await stop.wait()
        tell_service_manager("STOPPING=1")
    finally:
        await server.close()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


def tell_service_manager(state: str) -> None:
    """Tell the state to who started the daemon, if that wants to know: sd_notify(3)."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address.startswith(("/", "@")):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            manager.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
            manager.send(state.encode())
