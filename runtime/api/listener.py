"""The unix socket that the daemon listens on: made with the right owner and mode, never stolen, removed at the end."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import socket
import stat
from pathlib import Path

from runtime.engine.lock import locked_folder
from runtime.errors import EngineError, KernelError

SOCKET_MODE = 0o660
SOCKET_GROUP = "docker"
BACKLOG_CONNECTIONS = 1024
PROBE_TIMEOUT_S = 1.0


class Listener:
    """A unix socket of mode 0660, for the group ``docker`` where there is one.

    A socket that a daemon left behind when it was killed is replaced; one that is answered is not.

    Parameters
    ----------
    path : pathlib.Path
        Its folder must exist.

    Attributes
    ----------
    socket : socket.socket
        Non-blocking.

    Raises
    ------
    EngineError
        Another daemon answers there, or what lies there is no socket.
    KernelError
        The folder cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        try:
            self._bind()
        except OSError as error:
            self.socket.close()
            hint = "choose another socket with --host unix://PATH"
            raise KernelError("listen on", str(path), error.errno or errno.ENAMETOOLONG, hint) from error
        except EngineError:
            self.socket.close()
            raise

    def _bind(self) -> None:
        with locked_folder(self._path.parent):  # two daemons that start at once would remove each other\'s socket
            _make_way(self._path)
            # Made for the owner alone, and opened to the group once that is the right one
            os.fchmod(self.socket.fileno(), 0o600)
            self.socket.bind(str(self._path))
            made = self._path.lstat()
            self._identity = made.st_dev, made.st_ino
            with contextlib.suppress(KeyError, PermissionError):
                os.chown(self._path, -1, grp.getgrnam(SOCKET_GROUP).gr_gid)
            os.chmod(self._path, SOCKET_MODE)
            self.socket.listen(BACKLOG_CONNECTIONS)

    def close(self) -> None:
        """Take the socket's name away, if it is still this one's, and stop listening."""
        with contextlib.suppress(FileNotFoundError):
            now = self._path.lstat()
            if (now.st_dev, now.st_ino) == self._identity:
                self._path.unlink()
        self.socket.close()


def _make_way(path: Path) -> None:
    """Remove a socket that nobody answers on; refuse anything else."""
    try:
        kind = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(kind):
        raise EngineError("listen on", str(path), "a file that is no socket lies there", f"see: ls -l {path}")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe, contextlib.suppress(TimeoutError):
        probe.settimeout(PROBE_TIMEOUT_S)  # one that is slow to answer is there nevertheless
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise EngineError(
        "listen on", str(path), "another daemon answers there", f"ask it: docker -H unix://{path} version"
    )
