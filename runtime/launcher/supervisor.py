"""The daemon's side of zygote and monitor, asynchronous: both outlive the daemon, and are found again by their sockets.

A daemon that starts connects to the sockets in its run folder; where nobody answers it starts the process. The
sockets lie in a folder of mode 0700: whoever can connect can launch anything.
"""

from __future__ import annotations

import array
import asyncio
import contextlib
import marshal
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.errors import EngineError
from runtime.launcher.client import encode, failure, launch_request
from runtime.launcher.protocol import MESSAGE_BYTES
from runtime.plan.container import Plan

_CONNECT_TIMEOUT_S = 10.0


class Peer:
    """A connection to one of the two processes, which is started when it does not run.

    Parameters
    ----------
    name : {"zygote", "monitor"}
        Which; its program is the module of that name.
    run : pathlib.Path
        Folder of the sockets, of mode 0700.
    hear : callable
        Called with each message.
    """

    def __init__(self, name: str, run: Path, hear: Callable[[tuple[Any, ...]], None]) -> None:
        self.name = name
        self._run = run
        self._hear = hear
        self._socket: socket.socket | None = None

    async def connect(self) -> None:
        """Find the process by its socket, or start it.

        Raises
        ------
        EngineError
            It cannot be started, or does not answer.
        """
        folder = os.open(self._run, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        path = f"/proc/self/fd/{folder}/{self.name}.sock"  # short enough for a socket's address, whatever the folder
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            try:
                connection.connect(path)
            except OSError:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)
                self._start(path)
                connection.connect(path)
            connection.setblocking(False)
            greeting = await asyncio.wait_for(
                asyncio.get_running_loop().sock_recv(connection, MESSAGE_BYTES), _CONNECT_TIMEOUT_S
            )
            if not greeting:
                raise EngineError("reach", f"the {self.name}", "it ended at once", "see the daemon's log")
        except (OSError, TimeoutError) as error:
            connection.close()
            raise EngineError("reach", f"the {self.name}", str(error) or "it does not answer", "tare doctor") from error
        finally:
            os.close(folder)
        self._socket = connection
        asyncio.get_running_loop().add_reader(connection.fileno(), self._readable)

    def _start(self, path: str) -> None:
        from runtime.kernel.mounts import readonly_clone

        interpreter = readonly_clone(sys.executable)
        with contextlib.ExitStack() as stack:
            listener = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET))
            listener.bind(path)
            listener.listen(4)
            passed = [listener.fileno()]
            if interpreter is not None:
                stack.callback(os.close, interpreter)
                passed.append(interpreter)
            script = str(Path(__file__).with_name(f"{self.name}.py"))
            subprocess.Popen(
                [sys.executable, "-I", "-S", "-E", script, str(listener.fileno()), "listen"],
                executable=sys.executable if interpreter is None else f"/proc/self/fd/{interpreter}",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=passed,
                start_new_session=True,
                env={},
            )

    def _readable(self) -> None:
        assert self._socket is not None
        while True:
            try:
                data = self._socket.recv(MESSAGE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                asyncio.get_running_loop().remove_reader(self._socket.fileno())
                self._socket.close()
                self._socket = None
                self._hear(("lost", ""))
                return
            self._hear(marshal.loads(data))

    def send(self, message: tuple[Any, ...], descriptors: Sequence[int] = ()) -> None:
        """Send a request, with descriptors.

        Raises
        ------
        EngineError
            The process is gone, or the request too large.
        """
        data = encode(message)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        if self._socket is None:
            raise EngineError("reach", f"the {self.name}", "it has ended", "restart the daemon")
        self._socket.setblocking(True)  # it answers without waiting for us, so this cannot last
        try:
            self._socket.sendmsg([data], ancillary, socket.MSG_NOSIGNAL)
        except OSError as error:
            raise EngineError("reach", f"the {self.name}", str(error.strerror).lower(), "restart the daemon") from error
        finally:
            self._socket.setblocking(False)

    def close(self) -> None:
        """Close the connection; the process goes on."""
        if self._socket is not None:
            asyncio.get_running_loop().remove_reader(self._socket.fileno())
            self._socket.close()
            self._socket = None


@dataclass(slots=True)
class _Launch:
    plan: Plan
    started: asyncio.Future[int]


class Supervisor:
    """Launches programs by the zygote, their input and outputs held by the monitor.

    Parameters
    ----------
    run : pathlib.Path
        Folder of the sockets; made when absent.
    on_exit : callable
        Called with identifier and wait status (0 to 255, or 128 + n) of each program that was started and ended, also
        of one that ended while no daemon was there.
    """

    def __init__(self, run: Path, on_exit: Callable[[str, int], None]) -> None:
        run.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._zygote = Peer("zygote", run, self._from_zygote)
        self._monitor = Peer("monitor", run, self._from_monitor)
        self._on_exit = on_exit
        self._launches: dict[str, _Launch] = {}
        self._told = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self.running: dict[str, int] = {}  # identifier -> process id, of all that the zygote knows
        self.watched: set[str] = set()

    async def connect(self) -> None:
        """Reach both processes, and learn what has gone on without a daemon."""
        self._told.clear()
        await self._zygote.connect()
        await self._monitor.connect()
        await asyncio.wait_for(self._told.wait(), _CONNECT_TIMEOUT_S)

    async def launch(self, plan: Plan, stdio: tuple[int, int, int], host: str = "") -> int:
        """Launch a program and wait until it runs.

        Parameters
        ----------
        plan : Plan
            What to do.
        stdio : tuple of int
            Become standard input, output and error.
        host : str
            The running container to enter; empty for a new one.

        Returns
        -------
        int
            Its process id, as the host sees it.

        Raises
        ------
        CommandError
            It cannot be executed.
        EngineError
            The kernel refused an operation, or the zygote is gone.
        """
        launch = _Launch(plan, asyncio.get_running_loop().create_future())
        self._launches[plan.identifier] = launch
        try:
            self._zygote.send(launch_request(plan, host), stdio)
            return await launch.started
        finally:
            self._launches.pop(plan.identifier, None)

    def kill(self, identifier: str, number: int) -> None:
        """Send a signal to a running program; nothing happens when it has ended."""
        self._zygote.send(("kill", identifier, int(number)))

    def forget(self, identifier: str) -> None:
        """Say that a program's end has been written down."""
        self._zygote.send(("forget", identifier))

    def watch(self, identifier: str, descriptors: Sequence[int], log: str, *, tty: bool, keep_input: bool) -> None:
        """Give the monitor the other side of a program's standard output, error and input, or a terminal's socket."""
        self._monitor.send(("watch", identifier, log, tty, keep_input), descriptors)
        self.watched.add(identifier)

    def attach(
        self, identifier: str, client: int, *, framed: bool, wants_input: bool, outputs: int, data: bytes, keys: bytes
    ) -> None:
        """Hand a client's connection to the monitor; `client` stays the caller's to close."""
        self._monitor.send(("attach", identifier, framed, wants_input, outputs, data, keys), (client,))

    def resize(self, identifier: str, rows: int, columns: int) -> None:
        """Set the size of a program's terminal, now or when it gets one."""
        self._monitor.send(("resize", identifier, rows, columns))

    def drop(self, identifier: str) -> None:
        """Let go of clients that wait for a program which will not run."""
        self._monitor.send(("drop", identifier))

    def leave(self) -> None:
        """Ask both processes to end once nothing runs."""
        for peer in (self._zygote, self._monitor):
            with contextlib.suppress(EngineError):
                peer.send(("leave", ""))

    def close(self) -> None:
        """Close the connections; zygote, monitor and programs go on."""
        self._zygote.close()
        self._monitor.close()

    def _from_zygote(self, message: tuple[Any, ...]) -> None:
        kind, identifier, *rest = message
        launch = self._launches.get(identifier)
        if kind == "started":
            self.running[identifier] = rest[0]
            if launch is not None and not launch.started.done():
                launch.started.set_result(rest[0])
        elif kind == "failed" and launch is not None and not launch.started.done():
            launch.started.set_exception(failure(launch.plan, *rest[:3]))
        elif kind == "exited":
            self.running.pop(identifier, None)
            if launch is not None and not launch.started.done():
                launch.started.set_exception(EngineError("start", identifier, "it was killed before its program ran"))
            code = os.waitstatus_to_exitcode(rest[0])
            self._on_exit(identifier, code if code >= 0 else 128 - code)
        elif kind == "told":
            self._told.set()
        elif kind == "lost":
            self._again(self._zygote)
            lost = EngineError("launch with", "the zygote", "it ended unexpectedly", "restart the daemon")
            for waiting in self._launches.values():
                if not waiting.started.done():
                    waiting.started.set_exception(lost)
            for orphan in list(self.running):  # its programs died with it (PR_SET_PDEATHSIG)
                del self.running[orphan]
                self._on_exit(orphan, 128 + signal.SIGKILL)

    def _again(self, peer: Peer) -> None:
        """Start a process that ended, though nobody asked it to."""
        task = asyncio.get_running_loop().create_task(peer.connect())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _from_monitor(self, message: tuple[Any, ...]) -> None:
        kind, identifier, *_ = message
        if kind == "lost":
            self.watched.clear()
            self._again(self._monitor)
            return
        if kind == "watching":
            self.watched.add(identifier)
        elif kind == "silent":
            self.watched.discard(identifier)
