"""The daemon driven by the unmodified ``docker`` command: the life of a container, and what survives a kill -9."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from runtime.launcher.supervisor import Supervisor

Docker = Callable[..., subprocess.CompletedProcess[str]]
TARE = [sys.executable, "-m", "runtime.cli.main"]


class Running:
    """A daemon of the test's own, with its own root folder."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.environment = {**os.environ, "TARE_ROOT": str(root), "DOCKER_HOST": f"unix://{root}/run/tare.sock"}
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it answers."""
        log = (self.root / "daemon.log").open("ab")
        self.process = subprocess.Popen([*TARE, "daemon"], env=self.environment, stdout=log, stderr=log)
        log.close()
        deadline = time.monotonic() + 15
        while self.docker("version").returncode:
            assert self.process.poll() is None, (self.root / "daemon.log").read_text()
            assert time.monotonic() < deadline, (self.root / "daemon.log").read_text()
            time.sleep(0.05)

    def kill(self) -> None:
        """End it as a crash would."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()

    def docker(self, *arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        """Run the docker command against it."""
        return subprocess.run(  # type: ignore[call-overload, no-any-return]
            ["docker", *arguments], env=self.environment, capture_output=True, text=True, timeout=30, **options
        )

    def close(self) -> None:
        """End all containers, the daemon, its zygote and its monitor."""
        if containers := self.docker("ps", "-aq").stdout.split():
            self.docker("rm", "-f", *containers)
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=20)
        asyncio.run(leave(self.root))


async def leave(root: Path) -> None:
    """Ask the zygote and the monitor of a root folder to end; nothing runs any more."""
    supervisor = Supervisor(root / "run", lambda identifier, status: None)
    await supervisor.connect()
    supervisor.leave()
    supervisor.close()


@pytest.fixture
def daemon(can_launch: None, no_leaks: None, root_user: None, tmp_path: Path) -> Iterator[Running]:
    """A running daemon with the host image."""
    if shutil.which("docker") is None:
        pytest.skip("the docker command is not installed")
    running = Running(tmp_path / "root")
    running.root.mkdir()
    subprocess.run([*TARE, "run", "tare/host", "true"], env=running.environment, check=True)
    running.start()
    yield running
    running.close()


def test_run_gives_output_and_status(daemon: Running) -> None:
    done = daemon.docker("run", "--rm", "--network", "none", "tare/host", "sh", "-c", "echo out; echo err >&2; exit 3")
    assert (done.stdout, done.stderr, done.returncode) == ("out\n", "err\n", 3)
    assert daemon.docker("ps", "-aq").stdout == ""


@pytest.mark.parametrize(("program", "code", "said"), [("nothing", 127, "not found"), ("/etc/passwd", 126, "denied")])
def test_a_program_that_cannot_be_executed(daemon: Running, program: str, code: int, said: str) -> None:
    done = daemon.docker("run", "--rm", "--network", "none", "tare/host", program)
    assert done.returncode == code
    assert said in done.stderr
    assert daemon.docker("ps", "-aq").stdout == ""


def test_input_is_passed_on_and_ends(daemon: Running) -> None:
    text = "line\n" * 20_000
    done = daemon.docker("run", "-i", "--rm", "--network", "none", "tare/host", "cat", input=text)
    assert done.stdout == text


def test_a_container_is_started_looked_at_stopped_and_removed(daemon: Running) -> None:
    script = "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done"
    started = daemon.docker("run", "-d", "--name", "web", "--network", "none", "tare/host", "sh", "-c", script)
    assert len(started.stdout.strip()) == 64
    assert "web" in daemon.docker("ps").stdout
    deadline = time.monotonic() + 5
    while daemon.docker("logs", "web").stdout != "ready\n":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert daemon.docker("exec", "web", "sh", "-c", "echo inside; exit 9").stdout == "inside\n"
    assert daemon.docker("exec", "web", "sh", "-c", "exit 9").returncode == 9
    assert daemon.docker("exec", "web", "nothing").returncode == 126  # as dockerd says
    assert "sleep" in daemon.docker("top", "web").stdout
    refused = daemon.docker("rm", "web")
    assert "running container" in refused.stderr
    assert daemon.docker("stop", "web").returncode == 0
    (document,) = json.loads(daemon.docker("inspect", "web").stdout)
    assert (document["State"]["Status"], document["State"]["ExitCode"]) == ("exited", 5)
    assert daemon.docker("start", "web").returncode == 0
    assert daemon.docker("kill", "web").returncode == 0
    assert daemon.docker("wait", "web").stdout == "137\n"
    assert daemon.docker("rm", "web").returncode == 0
    assert "No such container" in daemon.docker("stop", "web").stderr


def test_what_a_container_wrote_is_there_when_it_is_started_again(daemon: Running) -> None:
    daemon.docker("run", "--name", "note", "--network", "none", "tare/host", "sh", "-c", "date >>/note; wc -l </note")
    assert daemon.docker("start", "-a", "note").stdout == "2\n"


def test_a_name_is_used_once(daemon: Running) -> None:
    assert daemon.docker("create", "--name", "one", "--network", "none", "tare/host", "true").returncode == 0
    again = daemon.docker("create", "--name", "one", "--network", "none", "tare/host", "true")
    assert "already in use" in again.stderr
    assert daemon.docker("rename", "one", "two").returncode == 0
    assert daemon.docker("inspect", "-f", "{{.Name}}", "two").stdout == "/two\n"


def test_files_of_the_host_and_limits(daemon: Running, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "file").write_text("from the host\n")
    script = "cat /data/file; touch /data/x 2>&1 | tail -c 22; pwd; id -un; echo $WORD; touch /scratch/x && echo ok"
    done = daemon.docker(
        "run", "--rm", "--network", "none", "-v", f"{tmp_path}/shared:/data:ro", "--memory", "32m", "--pids-limit", "9",
        "--tmpfs", "/scratch", "-w", "/new/place", "-u", "nobody", "-e", "WORD=kept", "tare/host", "sh", "-c", script,
    )  # fmt: skip
    assert done.stdout == "from the host\nRead-only file system\n/new/place\nnobody\nkept\nok\n"


def test_a_terminal(daemon: Running) -> None:
    import pty

    leader, follower = pty.openpty()
    command = ["docker", "run", "-it", "--rm", "--network", "none", "tare/host", "sh", "-c", "tty; stty size; exit 4"]
    process = subprocess.Popen(command, env=daemon.environment, stdin=follower, stdout=follower, stderr=follower)
    os.close(follower)
    output = b""
    with contextlib.suppress(OSError):
        while block := os.read(leader, 4096):
            output += block
    assert process.wait(timeout=20) == 4
    assert b"/dev/pts/0" in output
    os.close(leader)


def test_kill_9_of_the_daemon_leaves_containers_running_and_their_logs_whole(daemon: Running) -> None:
    script = "i=0; while [ $i -lt 40 ]; do echo $i; i=$((i+1)); sleep 0.05; done; exit 6"
    daemon.docker("run", "-d", "--name", "counter", "--network", "none", "tare/host", "sh", "-c", script)
    daemon.docker("run", "-d", "--name", "sleeper", "--network", "none", "tare/host", "sleep", "60")
    pid = int(daemon.docker("inspect", "-f", "{{.State.Pid}}", "sleeper").stdout)
    daemon.kill()
    time.sleep(2.5)  # the counter ends while there is no daemon
    daemon.start()
    assert daemon.docker("inspect", "-f", "{{.State.Pid}} {{.State.Status}}", "sleeper").stdout == f"{pid} running\n"
    assert daemon.docker("inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", "counter").stdout == "exited 6\n"
    assert daemon.docker("logs", "counter").stdout == "".join(f"{i}\n" for i in range(40))
    assert daemon.docker("exec", "sleeper", "echo", "still here").stdout == "still here\n"


def test_a_published_port_is_reached_from_the_host_and_from_beside(daemon: Running) -> None:
    if shutil.which("nft") is None:
        pytest.skip("nftables is not installed")
    script = "mkdir /www; echo served >/www/index.html; exec httpd -f -p 80 -h /www"
    started = daemon.docker("run", "-d", "--name", "web", "-p", "127.0.0.1::80", "tare/host", "sh", "-c", script)
    if "another tare daemon" in started.stderr:
        pytest.skip("another daemon on this machine has the networks")
    assert started.returncode == 0, started.stderr
    address, _, port = daemon.docker("port", "web", "80").stdout.strip().rpartition(":")
    deadline = time.monotonic() + 5
    body = b""
    while body != b"served\n" and time.monotonic() < deadline:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"http://{address}:{port}/", timeout=2) as answer:
            body = answer.read()
    assert body == b"served\n"
    beside = daemon.docker("run", "--rm", "--network", "container:web", "tare/host", "wget", "-qO-", "127.0.0.1")
    assert beside.stdout == "served\n"
    (document,) = json.loads(daemon.docker("inspect", "web").stdout)
    assert document["NetworkSettings"]["Ports"]["80/tcp"] == [{"HostIp": "127.0.0.1", "HostPort": port}]


def test_a_monitor_or_zygote_that_is_killed_is_started_again(daemon: Running) -> None:
    assert daemon.process is not None
    for name in ("monitor", "zygote"):
        children = Path(f"/proc/{daemon.process.pid}/task/{daemon.process.pid}/children").read_text().split()
        (pid,) = [pid for pid in children if f"{name}.py" in Path(f"/proc/{pid}/cmdline").read_text()]
        os.kill(int(pid), signal.SIGKILL)
        time.sleep(0.5)
        done = daemon.docker("run", "--rm", "--network", "none", "tare/host", "echo", name)
        assert done.stdout == f"{name}\n", done.stderr


def test_volumes_outlive_containers(daemon: Running) -> None:
    run = ("run", "--rm", "--network", "none", "-v", "data:/x", "tare/host", "sh", "-c")
    daemon.docker(*run, "echo kept >/x/file")
    assert daemon.docker(*run, "cat /x/file").stdout == "kept\n"
    daemon.docker("create", "--name", "user", "--network", "none", "-v", "data:/x", "tare/host", "true")
    assert "in use" in daemon.docker("volume", "rm", "data").stderr
    daemon.docker("rm", "user")
    assert daemon.docker("volume", "rm", "data").stdout == "data\n"
    assert "no such volume" in daemon.docker("volume", "inspect", "data").stderr


def test_changes_of_a_container_are_listed_and_exported(daemon: Running) -> None:
    daemon.docker("run", "--name", "made", "--network", "none", "tare/host", "sh", "-c", "echo x >/new; rm /etc/group")
    assert daemon.docker("diff", "made").stdout == "C /etc\nD /etc/group\nA /new\n"
    archive = subprocess.run(["docker", "export", "made"], env=daemon.environment, capture_output=True, check=True)
    with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as members:
        names = members.getnames()
    assert "new" in names
    assert "etc/group" not in names
