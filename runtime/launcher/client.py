"""The engine's side of the zygote: start it, hand it plans, hear what became of them."""

from __future__ import annotations

import array
import contextlib
import marshal
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic_ns
from types import TracebackType
from typing import Any

from runtime.errors import CommandError, EngineError, KernelError
from runtime.launcher.protocol import MESSAGE_BYTES
from runtime.plan.container import Plan
from runtime.plan.operation import Operation

_HINT = "tare doctor"


@dataclass(frozen=True, slots=True)
class Timing:
    """When each part of a launch ended, CLOCK_MONOTONIC nanoseconds.

    Attributes
    ----------
    requested_ns : int
        The engine sent the request.
    started : tuple of int
        As the zygote's "started" message: received, after each *prepare* operation, cloned, after each *inside*
        operation but the last, exec seen.
    exited : tuple of int
        As its "exited" message: exit seen, after each *cleanup* operation.
    reported_ns : int
        The engine heard of the end.
    """

    requested_ns: int
    started: tuple[int, ...]
    exited: tuple[int, ...]
    reported_ns: int


@dataclass(frozen=True, slots=True)
class Exit:
    """How a launched program ended.

    Attributes
    ----------
    status : int
        0 to 255 as the program returned it, or 128 + n when signal n ended it.
    timing : Timing
        When what happened.
    problems : tuple of str
        Clean-up operations that failed, in words; empty when nothing was left behind.
    """

    status: int
    timing: Timing
    problems: tuple[str, ...]


class Launch:
    """A program that was launched and has not been waited for."""

    def __init__(self, launcher: Launcher, plan: Plan, requested_ns: int) -> None:
        self._launcher = launcher
        self._plan = plan
        self._requested_ns = requested_ns
        self._pid: int | None = None
        self._pidfd = -1
        self._started: tuple[int, ...] = ()
        self._exit: Exit | None = None
        self._error: EngineError | None = None

    @property
    def identifier(self) -> str:
        """The container's identifier."""
        return self._plan.identifier

    def wait_started(self) -> int:
        """Wait until the program runs, and return its process id as the host sees it.

        Raises
        ------
        CommandError
            The program could not be executed; all was cleaned up.
        KernelError
            The kernel refused an operation of the plan; all was cleaned up.
        """
        while self._pid is None and self._error is None and self._exit is None:
            self._launcher.receive()
        if self._error is not None:
            raise self._error
        if self._pid is None:
            raise EngineError("start", self.identifier, "it was killed before its program ran")
        return self._pid

    def wait(self) -> Exit:
        """Wait until the program ended and all was cleaned up; errors as `wait_started`."""
        while self._exit is None and self._error is None:
            self._launcher.receive()
        if self._error is not None:
            raise self._error
        assert self._exit is not None
        return self._exit

    def kill(self, number: int) -> None:
        """Send a signal to the program; none is sent when it ended."""
        if self._exit is None and self._error is None:
            self._launcher.send(("kill", self.identifier, int(number)))

    def hear(self, message: tuple[Any, ...]) -> bool:
        """Take a reply of the zygote; returns whether it was the last one."""
        match message:
            case ("started", _, pid, marks):
                self._pid, self._started = pid, marks
                with contextlib.suppress(OSError):  # it has ended by now, or there is no descriptor left to watch it
                    self._pidfd = os.pidfd_open(pid)
                return False
            case ("exited", _, status, marks, problems):
                timing = Timing(self._requested_ns, self._started, marks, monotonic_ns())
                code = os.waitstatus_to_exitcode(status)
                self._exit = Exit(code if code >= 0 else 128 - code, timing, self._problems(problems))
            case ("failed", _, phase, index, number, problems):
                self._error = failure(self._plan, phase, index, number)
                for problem in self._problems(problems):
                    self._error.add_note(f"and left behind: {problem}")
        self._forget()
        return True

    def lose(self, error: EngineError) -> None:
        """Take note that the zygote is gone, and end the program: it may have given up dying with its launcher."""
        self._error = error
        if self._pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        self._forget()

    def _forget(self) -> None:
        if self._pidfd >= 0:
            os.close(self._pidfd)
            self._pidfd = -1

    def _problems(self, problems: Sequence[tuple[int, int]]) -> tuple[str, ...]:
        return tuple(f"{self._plan.cleanup[i].signature()}: {os.strerror(n).lower()}" for i, n in problems)


class Launcher:
    """A running zygote.

    Use it as a context manager: leaving it kills what still runs, cleans up and ends the zygote. If this process is
    killed instead, the zygote notices and does the same.

    Parameters
    ----------
    held : sequence of int
        Descriptors that the zygote shall hold until it ends, such as a lock on what it will clean up.

    Raises
    ------
    EngineError
        The zygote cannot be started.
    """

    def __init__(self, held: Sequence[int] = ()) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._launches: dict[str, Launch] = {}
        # started, never imported: it needs Linux, and this module is imported where only recorded figures are read
        script = str(Path(__file__).with_name("zygote.py"))
        # imported here, since it needs Linux and this module is imported wherever figures are read
        from runtime.kernel.mounts import readonly_clone

        interpreter = readonly_clone(sys.executable)
        try:
            # a session of its own: Ctrl-C in the terminal is for the engine, which then ends containers in order
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", "-E", script, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                executable=sys.executable if interpreter is None else f"/proc/self/fd/{interpreter}",
                pass_fds=(theirs.fileno(), *held, *(() if interpreter is None else (interpreter,))),
                start_new_session=True,
                env={},
            )
        except OSError as error:
            self._socket.close()
            raise EngineError("start the zygote", sys.executable, str(error.strerror).lower()) from error
        finally:
            theirs.close()
            if interpreter is not None:
                os.close(interpreter)
        if not self._socket.recv(MESSAGE_BYTES):
            self.close()
            raise EngineError("start the zygote", sys.executable, "it ended at once", "see the messages above this one")

    @property
    def pid(self) -> int:
        """Process id of the zygote."""
        return self._process.pid

    def __enter__(self) -> Launcher:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def launch(self, plan: Plan, stdio: tuple[int, int, int]) -> Launch:
        """Launch a plan's program; returns at once.

        Parameters
        ----------
        plan : Plan
            What to do.
        stdio : tuple of int
            Descriptors that become the program's standard input, output and error.
        """
        launch = Launch(self, plan, monotonic_ns())
        self._launches[plan.identifier] = launch
        self.send(launch_request(plan, ""), stdio)
        return launch

    def send(self, message: tuple[Any, ...], descriptors: Sequence[int] = ()) -> None:
        """Send a request to the zygote.

        Raises
        ------
        EngineError
            The request is too large, or the zygote is gone.
        """
        data = encode(message)
        ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        try:
            self._socket.sendmsg([data], ancillary, socket.MSG_NOSIGNAL)
        except OSError as error:
            raise EngineError("reach the zygote", str(self.pid), str(error.strerror).lower()) from error

    def receive(self) -> None:
        """Wait for one reply and give it to the launch that it is about."""
        data = self._socket.recv(MESSAGE_BYTES)
        if not data:
            lost = EngineError("wait for", "the zygote", "it ended unexpectedly", "see the messages above this one")
            for launch in self._launches.values():
                launch.lose(lost)
            self._launches.clear()
            return
        message = marshal.loads(data)
        if self._launches[message[1]].hear(message):
            del self._launches[message[1]]

    def close(self) -> None:
        """Kill what still runs, wait until all is cleaned up, and end the zygote."""
        self._socket.close()
        lost = EngineError("wait for", "the zygote", "it was closed")
        if self._process.poll() is not None:
            for launch in self._launches.values():
                launch.lose(lost)
        with contextlib.suppress(KeyboardInterrupt):  # a second Ctrl-C must not leave what the first one is clearing up
            self._process.wait()
        self._process.wait()


def launch_request(plan: Plan, host: str) -> tuple[Any, ...]:
    """The request that launches a plan's program, in the namespaces of the container `host` unless that is empty."""
    prepare, inside, cleanup = map(_wire, (plan.prepare, plan.inside, plan.cleanup))
    return ("launch", plan.identifier, host, prepare, plan.clone_flags, inside, cleanup)


def failure(plan: Plan, phase: str, index: int, number: int) -> EngineError:
    """The error that a "failed" reply of the zygote means, in the words of the operation that failed."""
    if phase == "clone":
        return KernelError("clone", "a process in new namespaces", number, _HINT)
    operation: Operation = (plan.prepare if phase == "prepare" else plan.inside)[index]
    if operation.call == "execute":
        arguments = operation.arguments[0]
        assert isinstance(arguments, tuple)
        return CommandError(str(arguments[0]), number)
    return KernelError(operation.words, operation.signature(), number, _HINT)


def encode(message: tuple[Any, ...]) -> bytes:
    """A message to the zygote or the monitor as bytes.

    Raises
    ------
    EngineError
        It is too large.
    """
    data = marshal.dumps(message)
    if len(data) > MESSAGE_BYTES:
        raise EngineError(
            "launch", str(message[1]), f"arguments and environment take {len(data)} bytes", "pass less of them"
        )
    return data


def _wire(operations: Sequence[Operation]) -> tuple[tuple[str, tuple[object, ...]], ...]:
    return tuple((operation.call, operation.arguments) for operation in operations)
