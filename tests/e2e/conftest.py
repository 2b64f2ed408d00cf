"""Running the real command: as this user, and as an unprivileged one from an installed wheel."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
UNPRIVILEGED_ID = 31415  # of nobody on this machine

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tare(can_launch: None, no_leaks: None, tmp_path: Path) -> Command:
    """Run ``tare`` in a temporary folder."""

    def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "runtime.cli.main", *arguments]
        return subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=120, **options)  # type: ignore[call-overload, no-any-return]

    return run


@pytest.fixture(scope="session")
def readable_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Python with tare installed from its wheel, in a folder that every user can read.

    The interpreter of the test run may lie below a home directory that others cannot enter, so the system's is used.
    """
    system = Path("/usr/bin/python3")
    if os.geteuid() != 0:
        pytest.skip("needs root, to become another user")
    if not system.exists():
        pytest.skip(f"{system} is missing")
    if subprocess.run([system, "-c", "import sys, ensurepip; sys.exit(sys.version_info < (3, 11))"]).returncode:
        pytest.skip(f"{system} is older than 3.11, or lacks venv")
    folder = tmp_path_factory.mktemp("readable")
    for above in (folder, *folder.parents[:-2]):
        above.chmod(0o755)
    subprocess.run([system, "-m", "venv", folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--require-hashes", "-r", ROOT / "requirements.lock"], check=True)
    subprocess.run([*pip, "--no-deps", "--no-build-isolation", ROOT], check=True)
    return python


@pytest.fixture
def rootless_home(readable_python: Path, tmp_path: Path) -> Iterator[Path]:
    """An empty home of the unprivileged user."""
    home = readable_python.parents[2] / f"home-{tmp_path.name}"
    home.mkdir()
    os.chown(home, UNPRIVILEGED_ID, UNPRIVILEGED_ID)
    yield home
    subprocess.run(["rm", "-rf", home], check=True)


@pytest.fixture
def rootless_tare(no_leaks: None, readable_python: Path, rootless_home: Path) -> Command:
    """Run ``tare`` as an unprivileged user who owns nothing but a home."""
    environment = {"HOME": str(rootless_home), "PATH": os.environ["PATH"], "PYTHONWARNINGS": "error"}

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [readable_python, "-m", "runtime.cli.main", *arguments],
            capture_output=True,
            text=True,
            cwd=rootless_home,
            env=environment,
            user=UNPRIVILEGED_ID,
            group=UNPRIVILEGED_ID,
            extra_groups=[],
            timeout=120,
        )

    launched = run("run", "tare/host", "true")
    if launched.returncode == 125:
        pytest.skip(f"an unprivileged user cannot launch here: {launched.stderr.strip()}")
    return run
