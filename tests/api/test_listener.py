"""The daemon's socket: who may use it, and whose name is never taken from another daemon."""

from __future__ import annotations

import grp
import os
import socket
import stat
from pathlib import Path

import pytest

from runtime.api.listener import Listener
from runtime.errors import EngineError, KernelError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "api.sock"


def test_the_socket_is_for_its_owner_and_one_group(path: Path) -> None:
    old_mask = os.umask(0)
    listener = Listener(path)
    os.umask(old_mask)
    status = path.stat()
    assert stat.S_IMODE(status.st_mode) == 0o660
    groups = {entry.gr_name: entry.gr_gid for entry in grp.getgrall()}
    assert status.st_gid == groups.get("docker", os.getgid())
    listener.close()
    assert not path.exists()


def test_a_socket_that_a_killed_daemon_left_is_replaced(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as killed:
        killed.bind(str(path))
        killed.listen()
    Listener(path).close()


def test_a_socket_that_is_answered_is_not_taken(path: Path) -> None:
    listener = Listener(path)
    with pytest.raises(EngineError, match="another daemon answers there"):
        Listener(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    listener.close()


def test_a_file_that_is_no_socket_is_not_removed(path: Path) -> None:
    path.write_text("precious")
    with pytest.raises(EngineError, match="a file that is no socket"):
        Listener(path)
    path.unlink()
    path.symlink_to("elsewhere")
    with pytest.raises(EngineError, match="a file that is no socket"):
        Listener(path)


def test_closing_leaves_a_name_that_has_become_anothers(path: Path) -> None:
    first = Listener(path)
    path.unlink()
    second = Listener(path)
    first.close()
    assert path.exists()
    second.close()


def test_a_folder_that_is_not_there_is_an_error_with_a_hint(path: Path) -> None:
    with pytest.raises(KernelError, match="no such file or directory") as caught:
        Listener(path / "below")
    assert "--host" in caught.value.hint
    with pytest.raises(KernelError):
        Listener(path.parent / ("x" * 200))
