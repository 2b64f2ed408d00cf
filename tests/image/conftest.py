"""Real components: Debian's registry on loopback, a server that misbehaves on purpose, and small images to move."""

from __future__ import annotations

import io
import json
import os
import shutil
import socket
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from runtime.image.compose import import_image
from runtime.image.store import Image, ImageStore
from runtime.spec.reference import parse_reference

USER, PASSWORD = "reader", "correct horse"


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


def archive(**files: bytes) -> bytes:
    """A tar archive of regular files; ``__`` in a name stands for a slash."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name.replace("__", "/"))
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def make_image(store: ImageStore, name: str | None, **files: bytes) -> Image:
    """An image of one layer."""
    reference = None if name is None else parse_reference(name)
    return import_image(store, io.BytesIO(archive(**files)), reference, changes=['CMD ["/run"]'], message="test")


def tool(name: str) -> str:
    """Path of a program, or the test is skipped."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_registry(folder: Path, extra: str = "") -> tuple[str, subprocess.Popen[bytes]]:
    """Start Debian's registry; its domain and its process."""
    program, domain = tool("docker-registry"), f"127.0.0.1:{free_port()}"
    settings = folder / "registry.yml"
    settings.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/data}}}}\n"
        f"http: {{addr: '{domain}'}}\n{extra}"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([program, "serve", settings], stdout=log, stderr=log)
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(domain.partition(":")[2]))) == 0:
                return domain, process
        time.sleep(0.02)
    process.kill()
    raise AssertionError((folder / "log").read_text())


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Domain of a registry that wants no password."""
    domain, process = start_registry(tmp_path_factory.mktemp("registry"))
    yield domain
    process.terminate()
    process.wait()


@pytest.fixture(scope="session")
def locked_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Domain of a registry that wants `USER` and `PASSWORD`."""
    folder = tmp_path_factory.mktemp("locked-registry")
    lines = subprocess.run([tool("htpasswd"), "-nbB", USER, PASSWORD], capture_output=True, check=True).stdout
    (folder / "passwords").write_bytes(lines)
    extra = f"auth: {{htpasswd: {{realm: tare, path: {folder}/passwords}}}}\n"
    domain, process = start_registry(folder, extra)
    yield domain
    process.terminate()
    process.wait()


@dataclass
class Server:
    """A registry that serves one image from a store's folder, counts, and breaks off when told to.

    ``drop_after`` is a number of bytes after which the connection of a blob is cut, once for each entry.
    """

    domain: str = ""
    blobs: dict[str, bytes] = field(default_factory=dict)
    manifest: bytes = b""
    drop_after: list[int] = field(default_factory=list)
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)  # sent in place of the next ones
    asked: list[tuple[str, str]] = field(default_factory=list)  # blob and range
    ranges: bool = True

    def serve(self, image: Image, store: ImageStore) -> str:
        """Serve an image; its name here."""
        document = json.loads(store.read_blob(image.manifest))
        self.manifest = store.read_blob(image.manifest)
        for descriptor in (document["config"], *document["layers"]):
            self.blobs[descriptor["digest"]] = store.blobs.path(descriptor["digest"]).read_bytes()
        return f"{self.domain}/thing:1"


@pytest.fixture
def server() -> Iterator[Server]:
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            if self.path == "/v2/":
                self.answer(200, b"{}")
            elif state.answers:
                status, headers = state.answers.pop(0)
                self.answer(status, headers.pop("Body", "").encode(), **headers)
            elif "/manifests/" in self.path:
                kind = json.loads(state.manifest)["mediaType"]
                self.answer(200, state.manifest, Content_Type=kind)
            else:
                self.blob(self.path.rpartition("/")[2])

        def blob(self, digest: str) -> None:
            wanted = self.headers.get("Range", "")
            state.asked.append((digest, wanted))
            data = state.blobs[digest]
            start = int(wanted.removeprefix("bytes=").removesuffix("-")) if wanted and state.ranges else 0
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            if state.drop_after and len(data) > 1000:
                self.wfile.write(data[start : start + state.drop_after.pop(0)])
                self.wfile.flush()
                self.connection.shutdown(socket.SHUT_RDWR)
                self.close_connection = True
            else:
                self.wfile.write(data[start:])

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        state.domain = f"127.0.0.1:{http.server_address[1]}"
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield state
        http.shutdown()
        thread.join()


@pytest.fixture
def run() -> Callable[..., str]:
    """Run a program that must be installed; what it says."""

    def call(name: str, *arguments: object, **settings: object) -> str:
        command = [tool(name), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, **settings)  # type: ignore[call-overload]
        assert done.returncode == 0, f"{command}: {done.stderr}"
        return str(done.stdout)

    return call


def noise(size_bytes: int) -> bytes:
    """Content that does not compress."""
    return os.urandom(size_bytes)
