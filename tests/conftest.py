"""Fixtures for all tests: a session to launch with, and the check that a test leaves nothing behind."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from runtime.engine.doctor import launch_trial
from runtime.engine.session import Session
from runtime.errors import EngineError

Traces = dict[str, frozenset[str]]


@pytest.fixture(scope="session", autouse=True)
def tare_root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of the test run's own for images and sessions, which the commands under test use too."""
    root = tmp_path_factory.mktemp("tare-root")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TARE_ROOT", str(root))
        yield root


def traces(root: Path) -> Traces:
    """All that a launch could leave on this machine."""
    own = os.readlink("/proc/self/ns/pid")
    processes = set()
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            command = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            elsewhere = os.readlink(entry / "ns" / "pid") != own
        except OSError:  # it ended while we looked
            continue
        if elsewhere or "launcher/zygote.py" in command:
            processes.add(f"{entry.name} {command}")
    files = [*root.glob("sessions/*"), *root.glob("images/layers/*.part"), *Path("/tmp").glob("tare-*")]
    return {
        "mounts": frozenset(Path("/proc/self/mountinfo").read_text().splitlines()),
        "control groups": frozenset(str(path) for path in Path("/sys/fs/cgroup").glob("**/*tare*") if path.is_dir()),
        "network devices": frozenset(path.name for path in Path("/sys/class/net").glob("*")),
        "processes": frozenset(processes),
        "files": frozenset(map(str, files)),
    }


@pytest.fixture
def no_leaks(tare_root: Path) -> Iterator[None]:
    """Fail when the test leaves a mount, control group, network device, process or file; the kernel gets a moment."""
    before = traces(tare_root)
    yield
    deadline = time.monotonic() + 3
    while True:
        left = {kind: sorted(now - before[kind]) for kind, now in traces(tare_root).items() if now - before[kind]}
        if not left or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    assert not left


@pytest.fixture(scope="session")
def can_launch(tare_root: Path) -> None:
    """Skip, with the reason, where this machine cannot launch a container."""
    try:
        launch_trial(tare_root)
    except EngineError as error:
        pytest.skip(f"cannot launch containers here: {error}")


@pytest.fixture
def session(can_launch: None, no_leaks: None, tare_root: Path) -> Iterator[Session]:
    """An open session, which launches for real."""
    with Session(tare_root) as opened:
        yield opened


@pytest.fixture
def root_user() -> None:
    """Skip unless this is root."""
    if os.geteuid() != 0:
        pytest.skip("needs root")
