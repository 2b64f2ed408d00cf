"""The zygote: the small, warm, single-threaded process that every container is cloned from.

Run as ``python -I -S -E zygote.py SOCKET [listen]``. It imports only what a launch needs, because each page that it has
written must be copied for every child: 9 MiB instead of an engine's 60 make clone(2) cheap. It is single-threaded,
because a cloned child continues as a copy of the calling thread and would inherit locks that nobody gives back. It
knows nothing of images or configurations: it is handed the operations of a plan and applies them one by one.

Protocol, over a SOCK_SEQPACKET socket, one `marshal` value a message:

=========  ==========================================================  =============================================
direction  message                                                     descriptors
=========  ==========================================================  =============================================
request    ("launch", id, host, prepare, flags, inside, cleanup)       stdin, stdout, stderr of the program
request    ("kill", id, signal)
request    ("forget", id)                                              (listening) its end has been written down
request    ("leave", "")                                               (listening) end once no program is left
reply      ("ready", "")                                               once, before any request is read
reply      ("told", "")                                                (listening) all that went before was said
reply      ("started", id, pid, marks)                                 exec succeeded
reply      ("failed", id, phase, index, errno, problems)               operation `index` of a phase failed; all undone
reply      ("exited", id, status, marks, problems)                     wait status as of waitpid(2); all cleaned up
=========  ==========================================================  =============================================

Operations are (call, arguments) pairs. Marks are CLOCK_MONOTONIC nanoseconds. Those of "started" are: request
received, after each *prepare* operation, first breath of the process, after each *inside* operation but the last,
exec seen. Those of "exited" are: exit seen, after each *cleanup* operation. Problems are (index, errno) of failed
*cleanup* operations.

A launch whose *host* is the identifier of a running container is given that container's pidfd as descriptor 4, so that
it can enter its namespaces; its process is then the child that it makes there (`runtime.kernel.process.fork_sibling`).

End of file on the socket means that the engine is gone. With a connected socket every container is killed and cleaned
up, then the zygote ends. With a listening one they go on, and the next engine that connects is told again of what runs
("started") and of what ended and was not forgotten ("exited"). The other end is an engine of the same user, reached
through a socket in a folder of mode 0700, so `marshal` (fast, built in) is safe here.
"""

from __future__ import annotations

import _signal
import _socket
import array
import marshal
import os
import select
import sys
from time import monotonic_ns

TYPE_CHECKING = False  # importing typing would cost 1 MiB in every child
if TYPE_CHECKING:
    from typing import Any

    Operations = tuple[tuple[str, tuple[Any, ...]], ...]

if __name__ == "__main__":  # -I leaves the project off the path
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from runtime.kernel.calls import CALLS  # noqa: E402
from runtime.kernel.process import clone, close_from  # noqa: E402
from runtime.launcher.protocol import MESSAGE_BYTES  # noqa: E402

_SIGKILL = 9
_ESRCH, _EMFILE = 3, 24
_CAPTURED = (OSError, ValueError, TypeError)  # what an operation can raise; anything else is a bug and ends the zygote


class Container:
    """A launched process and what is known of it until it ends."""

    __slots__ = ("cleanup", "identifier", "joining", "marks", "pid", "pidfd", "report", "said", "started")

    def __init__(
        self, identifier: str, pid: int, pidfd: int, report: int, marks: list[int], cleanup: Operations, joining: bool
    ) -> None:
        self.identifier = identifier
        self.joining = joining  # whether this process is still the one that makes the real one, in other namespaces
        self.started = False
        self.pid = pid
        self.pidfd = pidfd
        self.report = report  # read end of the pipe that the new process reports on; closed by exec
        self.said = b""  # what came through it so far
        self.marks = marks
        self.cleanup = cleanup


class Zygote:
    """The event loop: requests from the engine, reports and ends of containers."""

    def __init__(self, descriptor: int, listening: bool) -> None:
        self.poll = select.epoll()
        self.reports: dict[int, Container] = {}
        self.pidfds: dict[int, Container] = {}
        self.names: dict[str, Container] = {}
        self.ends: dict[str, bytes] = {}  # "exited" messages, until the engine has written down what they say
        self.replies: list[bytes] = []  # that the engine has not had room for; it may be busy sending to us
        self.socket: _socket.socket | None = None
        self.listener: _socket.socket | None = None
        if listening:
            self.listener = _socket.socket(fileno=descriptor)
            self.poll.register(descriptor, select.EPOLLIN)
        else:
            self._greet(descriptor)

    def run(self) -> None:
        """Serve until no engine can come any more and the last container is cleaned up."""
        while self.socket or self.listener or self.pidfds:
            arrived = 0
            for descriptor, event in self.poll.poll():
                if descriptor in self.reports:
                    self._report(self.reports[descriptor])
                elif descriptor in self.pidfds:
                    self._exit(self.pidfds[descriptor])
                elif self.listener and descriptor == self.listener.fileno():
                    self._accept()
                else:
                    arrived = event
            # last, since it opens descriptors whose numbers may stand, closed by now, in the same list of events
            if self.socket and arrived & select.EPOLLOUT:
                self._flush()
            if self.socket and arrived & ~select.EPOLLOUT:
                self._request()

    def _greet(self, descriptor: int) -> None:
        """Take up an engine, and tell it what it may not know."""
        self.socket = _socket.socket(fileno=descriptor)
        self.poll.register(descriptor, select.EPOLLIN)
        self._send("ready", "")
        for container in self.names.values():
            if container.started:
                self._send("started", container.identifier, container.pid, tuple(container.marks))
        self.replies += self.ends.values()
        if self.listener:
            self.replies.append(marshal.dumps(("told", "")))
        self._flush()

    def _accept(self) -> None:
        assert self.listener
        descriptor, _ = self.listener._accept()  # type: ignore[attr-defined]
        if self.socket:
            os.close(descriptor)  # one engine at a time
        else:
            self._greet(descriptor)

    def _send(self, *message: Any) -> None:
        if self.socket:
            self.replies.append(marshal.dumps(message))
            self._flush()

    def _flush(self) -> None:
        """Send what the socket takes without waiting, and ask to be told when it takes more."""
        if not self.socket:
            return
        try:
            while self.replies:
                self.socket.send(self.replies[0], _socket.MSG_NOSIGNAL | _socket.MSG_DONTWAIT)
                del self.replies[0]
            self.poll.modify(self.socket.fileno(), select.EPOLLIN)
        except BlockingIOError:
            self.poll.modify(self.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)
        except OSError:
            self._close()

    def _close(self) -> None:
        """Take note that the engine is gone; if no other can come, end all that it started."""
        if self.socket:
            self.poll.unregister(self.socket.fileno())
            self.socket.close()
            self.socket = None
            self.replies.clear()
            if not self.listener:
                for container in self.pidfds.values():
                    _signal.pidfd_send_signal(container.pidfd, _SIGKILL)

    def _request(self) -> None:
        assert self.socket
        try:
            data, ancillary, _, _ = self.socket.recvmsg(MESSAGE_BYTES, 64, _socket.MSG_CMSG_CLOEXEC)
        except OSError:  # the engine was killed with replies unread
            data, ancillary = b"", []
        received = monotonic_ns()
        if not data:
            self._close()
            return
        descriptors = array.array("i")
        for _, _, block in ancillary:
            descriptors.frombytes(block)
        kind, identifier, *rest = marshal.loads(data)
        try:
            if kind == "launch":
                self._launch(received, identifier, tuple(descriptors), *rest)
            elif kind == "forget":
                self.ends.pop(identifier, None)
            elif kind == "leave":
                self._leave()
            elif (container := self.names.get(identifier)) is not None:
                _signal.pidfd_send_signal(container.pidfd, rest[0])
        except ProcessLookupError:
            pass  # it ended while the request was under way; its exit is about to be reported
        finally:
            for descriptor in descriptors:
                os.close(descriptor)

    def _leave(self) -> None:
        if self.listener:
            self.poll.unregister(self.listener.fileno())
            self.listener.close()
            self.listener = None

    def _launch(
        self,
        received: int,
        identifier: str,
        stdio: tuple[int, ...],
        host: str,
        prepare: Operations,
        flags: int,
        inside: Operations,
        cleanup: Operations,
    ) -> None:
        marks = [received]
        if len(stdio) < 3:  # the kernel drops descriptors that this process has no room for
            self._send("failed", identifier, "clone", 0, _EMFILE, ())
            return
        joined = self.names.get(host)
        if host and joined is None:
            self._send("failed", identifier, "clone", 0, _ESRCH, ())
            return
        try:
            for call, arguments in prepare:
                CALLS[call](*arguments)
                marks.append(monotonic_ns())
        except _CAPTURED as error:
            self._send("failed", identifier, "prepare", len(marks) - 1, _number(error), _undo(cleanup, [])[1])
            return
        report = child_report = -1
        try:
            report, child_report = os.pipe2(os.O_CLOEXEC)
            pid, pidfd = clone(flags)
        except OSError as error:
            for descriptor in (report, child_report):
                if descriptor >= 0:
                    os.close(descriptor)
            self._send("failed", identifier, "clone", 0, _number(error), _undo(cleanup, [])[1])
            return
        if pid == 0:
            _become(inside, stdio, child_report, joined)
        os.close(child_report)
        container = Container(identifier, pid, pidfd, report, marks, cleanup, joined is not None)
        self.reports[report] = self.pidfds[pidfd] = self.names[identifier] = container
        self.poll.register(report, select.EPOLLIN)
        self.poll.register(pidfd, select.EPOLLIN)

    def _report(self, container: Container) -> None:
        """Take in what the new process says of itself; the end of file says that it now runs its program, or ended."""
        block = os.read(container.report, 65536)
        if block:
            container.said += block
            return
        seen = monotonic_ns()
        self.poll.unregister(container.report)
        os.close(container.report)
        del self.reports[container.report]
        container.report = -1
        values = _unframed(container.said)
        if not values:
            return  # killed before it could say anything: its exit tells
        container.marks += values[0]
        if len(values) == 1:
            container.started = True
            container.marks.append(seen)
            self._send("started", container.identifier, container.pid, tuple(container.marks))
        else:
            self._reap(container)
            problems = _undo(container.cleanup, [])[1]
            self._send("failed", container.identifier, "inside", *values[1], problems)

    def _exit(self, container: Container) -> None:
        if container.joining and self._hand_over(container):
            return
        while container.report >= 0:  # a process that ended has closed its end, so this comes to the end of file
            self._report(container)
        if container.identifier not in self.names:
            return  # it failed before its program, which is reported and cleaned up by now
        marks = [monotonic_ns()]
        status = self._reap(container)
        marks, problems = _undo(container.cleanup, marks)
        if self.listener:
            self.ends[container.identifier] = marshal.dumps(
                ("exited", container.identifier, status, tuple(marks), problems)
            )
        self._send("exited", container.identifier, status, tuple(marks), problems)

    def _hand_over(self, container: Container) -> bool:
        """Go on with the child that a process made inside another container; returns whether it made one."""
        container.joining = False
        while len(container.said) < 4 or len(container.said) < 4 + int.from_bytes(container.said[:4], "little"):
            block = os.read(container.report, 65536)
            if not block:
                return False
            container.said += block
        number, *_ = _unframed(container.said)[0]
        if number > 0:
            return False  # a mark and not a process id: it failed before it came so far, and said where
        pid = -number
        os.waitpid(container.pid, 0)
        self.poll.unregister(container.pidfd)
        os.close(container.pidfd)
        del self.pidfds[container.pidfd]
        container.said = container.said[4 + int.from_bytes(container.said[:4], "little") :]
        container.pid, container.pidfd = pid, os.pidfd_open(pid)
        self.pidfds[container.pidfd] = container
        self.poll.register(container.pidfd, select.EPOLLIN)
        return True

    def _reap(self, container: Container) -> int:
        _, status = os.waitpid(container.pid, 0)
        self.poll.unregister(container.pidfd)
        os.close(container.pidfd)
        del self.pidfds[container.pidfd], self.names[container.identifier]
        return status


def _number(error: Exception) -> int:
    return getattr(error, "errno", None) or 22  # EINVAL: Python refused the arguments before the kernel saw them


def _framed(value: tuple[int, ...]) -> bytes:
    blob = marshal.dumps(value)
    return len(blob).to_bytes(4, "little") + blob


def _unframed(data: bytes) -> list[tuple[int, ...]]:
    values = []
    while data:
        end = 4 + int.from_bytes(data[:4], "little")
        values.append(marshal.loads(data[4:end]))
        data = data[end:]
    return values


def _undo(cleanup: Operations, marks: list[int]) -> tuple[list[int], tuple[tuple[int, int], ...]]:
    """Make every clean-up operation, whatever becomes of the others; what was never made needs no undoing."""
    problems = []
    for index, (call, arguments) in enumerate(cleanup):
        try:
            CALLS[call](*arguments)
        except FileNotFoundError:
            pass
        except _CAPTURED as error:
            problems.append((index, _number(error)))
        marks.append(monotonic_ns())
    return marks, tuple(problems)


def _become(inside: Operations, stdio: tuple[int, ...], report: int, joined: Container | None) -> None:
    """Apply the operations of the plan to this new process; never returns."""
    marks = [monotonic_ns()]
    index = 0
    try:
        # of all that the launcher holds, other containers' handles among it, this process keeps its own four
        for number, descriptor in enumerate(stdio):
            os.dup2(descriptor, number)
        report = os.dup2(report, 3, inheritable=False)
        if joined is not None:
            os.dup2(joined.pidfd, 4, inheritable=False)
        close_from(4 if joined is None else 5)
        for call, arguments in inside[:-1]:
            CALLS[call](*arguments)
            marks.append(monotonic_ns())
            index += 1
        os.write(report, _framed(tuple(marks)))
        call, arguments = inside[-1]
        CALLS[call](*arguments)
    except Exception as error:
        if index < len(inside) - 1:
            os.write(report, _framed(tuple(marks)))
        os.write(report, _framed((index, _number(error))))
    finally:
        os._exit(255)


if __name__ == "__main__":
    # What is ignored stays ignored across execve(2): Python ignores SIGPIPE, a shell SIGINT in the background
    for number in _signal.valid_signals():
        if _signal.getsignal(number) == _signal.SIG_IGN:
            _signal.signal(number, _signal.SIG_DFL)
    os.umask(0o022)  # the engine's may be tighter, and would lock a container's users out of its root
    Zygote(int(sys.argv[1]), listening=sys.argv[2:] == ["listen"]).run()
