"""The daemon as a process: it says when it is ready, ends in order, and leaves no socket."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import asyncio, sys
from pathlib import Path
from runtime.api.server import serve
from tests.api.conftest import SmallEngine
asyncio.run(serve(SmallEngine(Path(sys.argv[1])), Path(sys.argv[1]) / "api.sock"))
print("ended in order")
"""
ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("address", ["path", "abstract"])
def test_ready_stopping_and_gone(tmp_path: Path, number: signal.Signals, address: str) -> None:
    name = str(tmp_path / "notify") if address == "path" else f"@{tmp_path}/notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.settimeout(20)
        manager.bind(name.replace("@", "\0", 1))
        command = [sys.executable, "-c", SCRIPT, str(tmp_path)]
        daemon = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, "NOTIFY_SOCKET": name}, stdout=subprocess.PIPE, text=True
        )
        try:
            assert manager.recv(100) == b"READY=1"
            with socket.socket(socket.AF_UNIX) as client:
                client.connect(str(tmp_path / "api.sock"))
                client.sendall(b"GET /events HTTP/1.1\r\nHost: d\r\n\r\n")
                assert client.recv(1000).startswith(b"HTTP/1.1 200 OK")
                daemon.send_signal(number)
                assert manager.recv(100) == b"STOPPING=1"
                assert daemon.communicate(timeout=10)[0] == "ended in order\n"
        finally:
            daemon.kill()
    assert daemon.returncode == 0
    assert not (tmp_path / "api.sock").exists()
