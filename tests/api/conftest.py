"""A server of real sockets for the tests, with a small engine behind it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import socket
import subprocess
import threading
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest

from runtime.api.http import HttpServer
from runtime.api.listener import Listener
from runtime.api.message import Exchange
from runtime.api.router import Route, Router
from runtime.api.server import RESOURCES
from runtime.engine.events import EventBus
from runtime.image.connection import Registries
from runtime.image.store import ImageStore


class SmallEngine:
    """An engine with images and events, and no containers."""

    def __init__(self, folder: Path) -> None:
        self.events = EventBus()
        self.images = ImageStore(folder / "images")
        self.uses: tuple[Any, ...] = ()
        self.registries = Registries()

    def info(self) -> dict[str, Any]:
        return {"ID": "small", "OSType": "linux", "ServerVersion": "0.1.0", "Containers": 0}

    def version(self) -> dict[str, Any]:
        engine = {"Name": "Engine", "Version": "0.1.0", "Details": {"Os": "linux"}}
        return {"Version": "0.1.0", "Os": "linux", "Arch": "amd64", "Components": [engine]}

    async def disk_usage(self) -> dict[str, Any]:
        return {"LayersSize": 7, "Images": [], "Containers": [], "Volumes": [], "BuildCache": None, "BuilderSize": 0}

    def image_uses(self) -> tuple[Any, ...]:
        return self.uses


@dataclass
class Running:
    """A server in a thread of its own."""

    path: Path
    engine: SmallEngine
    loop: asyncio.AbstractEventLoop
    stop: asyncio.Event
    thread: threading.Thread
    told: list[Exchange] = field(default_factory=list)

    def call(self, function: Callable[[], Any]) -> Any:
        """Call a function in the server's event loop."""

        async def run() -> Any:
            return function()

        return asyncio.run_coroutine_threadsafe(run(), self.loop).result(5)

    def tasks(self) -> int:
        """How many connections are being served."""
        return self.call(lambda: sum(task.get_name() == "connection" for task in asyncio.all_tasks()))

    def connect(self) -> socket.socket:
        """Open a connection that gives up after five seconds of silence."""
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(5)
        sock.connect(str(self.path))
        return sock

    def ask(self, request: bytes) -> bytes:
        """Send bytes, say that there are no more, and return all that comes back."""
        with self.connect() as sock:
            sock.sendall(request)
            sock.shutdown(socket.SHUT_WR)
            return read_all(sock)

    def close(self) -> None:
        """Let the server end in order."""
        with contextlib.suppress(RuntimeError):  # it is closed already
            self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join(15)
        assert not self.thread.is_alive()


def read_all(sock: socket.socket) -> bytes:
    """Read until the other side has no more."""
    received = b""
    while piece := sock.recv(1 << 16):
        received += piece
    return received


def read_until(sock: socket.socket, end: bytes) -> bytes:
    """Read until some bytes have come."""
    received = b""
    while end not in received:
        piece = sock.recv(1 << 16)
        assert piece, received
        received += piece
    return received


def resource(*routes: Route) -> types.ModuleType:
    """A resource's module with these routes."""
    module = types.ModuleType("resource")
    for number, route in enumerate(routes):
        setattr(module, f"handler{number}", route)
    return module


Serve = Callable[..., Running]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """Start a server of some resources; it is closed, and has left no task, when the test ends."""
    with contextlib.ExitStack() as undo:

        def start(*modules: types.ModuleType) -> Running:
            engine = SmallEngine(tmp_path)
            path = tmp_path / "api.sock"
            ready: list[Running] = []
            there = threading.Event()
            left: list[str] = []

            async def run() -> None:
                loop, stop = asyncio.get_running_loop(), asyncio.Event()
                running = Running(path, engine, loop, stop, threading.current_thread())
                server = HttpServer(Listener(path), Router(engine, modules, "Small/1 (linux)"), running.told.append)
                ready.append(running)
                there.set()
                await stop.wait()
                await server.close()
                left.extend(task.get_name() for task in asyncio.all_tasks() - {asyncio.current_task()})

            thread = threading.Thread(target=lambda: asyncio.run(run()))
            thread.start()
            assert there.wait(10)

            def end() -> None:
                ready[0].close()
                assert not left
                assert not path.exists()

            undo.callback(end)
            return ready[0]

        yield start


@pytest.fixture
def daemon(serve: Serve) -> Running:
    """A server of the resources that need no container."""
    return serve(*RESOURCES)


Cli = Callable[..., str]


@pytest.fixture
def cli(daemon: Running, tmp_path: Path) -> Cli:
    """Run the docker command against the daemon."""
    if shutil.which("docker") is None:
        pytest.skip("the docker command is not installed")
    own = {"DOCKER_HOST": f"unix://{daemon.path}", "DOCKER_CONFIG": str(tmp_path / "config")}

    def run(*arguments: str, code: int = 0, stdin: bytes = b"") -> str:
        environment = {**os.environ, **own}
        done = subprocess.run(["docker", *arguments], capture_output=True, input=stdin, timeout=30, env=environment)
        assert done.returncode == code, done.stderr
        return (done.stdout if code == 0 else done.stderr).decode()

    return run


@pytest.fixture
def client(daemon: Running) -> Iterator[docker.DockerClient]:
    """docker-py, connected to the daemon."""
    opened = docker.DockerClient(base_url=f"unix://{daemon.path}", version="auto", timeout=10)
    yield opened
    opened.close()
