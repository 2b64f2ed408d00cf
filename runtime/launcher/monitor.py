"""The monitor: the process that holds the other side of every container's input and outputs.

Run as ``python -I -S -E monitor.py SOCKET``. It outlives the daemon, as the zygote does, so that no byte of a log is
lost and no attached terminal is cut when the daemon is killed; one process for all containers, where other engines
have one shim each. It copies what a container writes to its log and to whoever is attached, and what an attached
client sends to the container's input. A client is attached by handing its connection over: the daemon never sees its
bytes.

Protocol, over a listening SOCK_SEQPACKET socket, one `marshal` value a message:

=========  =============================================================  =======================================
direction  message                                                        descriptors
=========  =============================================================  =======================================
request    ("watch", id, log path or "", tty, keep input open)            outputs: stdout, stderr, input or
                                                                           a socket that will send the terminal
request    ("attach", id, framed, input, outputs, bytes, detach keys)     the client's connection
request    ("resize", id, rows, columns)
request    ("drop", id)                                                   nothing will come: let the clients go
request    ("leave", "")                                                  end once nothing is watched
reply      ("ready", "")                                                  to each daemon that connects
reply      ("watching", id)                                               for each, to a daemon that connects
reply      ("silent", id)                                                 all outputs are closed, the log is whole
=========  =============================================================  =======================================

A log is Docker's json-file: one JSON object a line, with ``log``, ``stream`` and ``time``. `outputs` of an attachment
is a mask: 1 for stdout, 2 for stderr. A framed connection gets Docker's stream format: eight bytes of stream number
and length before each part.
"""

from __future__ import annotations

import _signal
import _socket
import array
import errno
import marshal
import os
import select
import sys
from time import gmtime, strftime, time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

if __name__ == "__main__":  # -I leaves the project off the path
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

from runtime.kernel.console import set_window_size  # noqa: E402
from runtime.launcher.protocol import MESSAGE_BYTES  # noqa: E402

_READ_BYTES = 32768
_LINE_BYTES = 16384  # a longer line is logged in parts, as Docker does
_BACKLOG_BYTES = 1 << 20  # a client that reads slower than this holds its container back
_STREAMS = ("stdin", "stdout", "stderr")
_ESCAPES = {i: f"\\u{i:04x}" for i in range(32)} | {34: '\\"', 92: "\\\\", 10: "\\n", 13: "\\r", 9: "\\t"}


class Client:
    """An attached connection."""

    __slots__ = ("backlog", "closing", "descriptor", "framed", "input", "keys", "outputs", "seen", "spent")

    def __init__(self, descriptor: int, framed: bool, wants_input: bool, outputs: int, keys: bytes) -> None:
        self.descriptor = descriptor
        self.framed = framed
        self.input = wants_input
        self.outputs = outputs
        self.backlog = b""
        self.closing = False  # it is let go as soon as it has taken what it was sent
        self.keys = keys
        self.spent = False  # it has closed its sending side, and goes on listening
        self.seen = 0  # how many of the detach keys the client has typed in a row


class Watched:
    """A container's, or an exec's, input and outputs."""

    __slots__ = ("clients", "input", "keep_input", "log", "outputs", "partial", "pending", "size", "tty")

    def __init__(self) -> None:
        self.clients: list[Client] = []
        self.outputs: dict[int, int] = {}  # descriptor -> stream number
        self.partial = {1: b"", 2: b""}  # the line that is not yet complete
        self.pending = b""  # input that the container has not yet taken
        self.input = -1
        self.keep_input = False
        self.log = -1
        self.tty = False
        self.size: tuple[int, int] | None = None


class Monitor:
    """The event loop."""

    def __init__(self, listener: int) -> None:
        self.poll = select.epoll()
        self.listener: _socket.socket | None = _socket.socket(fileno=listener)
        self.poll.register(listener, select.EPOLLIN)
        self.daemon: _socket.socket | None = None
        self.watched: dict[str, Watched] = {}
        self.readers: dict[int, str] = {}  # output or console socket -> id
        self.writers: dict[int, str] = {}  # inputs that are full -> id
        self.clients: dict[int, tuple[str, Client]] = {}

    def run(self) -> None:
        """Serve until asked to leave and nothing is watched any more."""
        while self.listener or self.watched:
            requests = accepts = False
            for descriptor, event in self.poll.poll():
                if self.listener and descriptor == self.listener.fileno():
                    accepts = True
                elif self.daemon and descriptor == self.daemon.fileno():
                    requests = True
                elif descriptor in self.readers:
                    self._read(descriptor, self.readers[descriptor])
                elif descriptor in self.writers:
                    self._feed(self.writers[descriptor], b"")
                elif descriptor in self.clients:
                    self._serve(descriptor, event)
            # last: they bring descriptors whose numbers may stand, closed by now, in the same list of events
            if accepts:
                self._accept()
            if requests and self.daemon:
                self._request()

    def _accept(self) -> None:
        assert self.listener
        descriptor, _ = self.listener._accept()  # type: ignore[attr-defined]
        if self.daemon:
            self.poll.unregister(self.daemon.fileno())
            self.daemon.close()
        self.daemon = _socket.socket(fileno=descriptor)
        self.poll.register(descriptor, select.EPOLLIN)
        self._tell("ready", "")
        for identifier, watched in self.watched.items():
            if watched.outputs:
                self._tell("watching", identifier)

    def _tell(self, *message: Any) -> None:
        if self.daemon:
            try:
                self.daemon.send(marshal.dumps(message), _socket.MSG_NOSIGNAL)
            except OSError:
                self._lose_daemon()

    def _lose_daemon(self) -> None:
        if self.daemon:
            self.poll.unregister(self.daemon.fileno())
            self.daemon.close()
            self.daemon = None

    def _request(self) -> None:
        assert self.daemon
        try:
            data, ancillary, _, _ = self.daemon.recvmsg(MESSAGE_BYTES, 64, _socket.MSG_CMSG_CLOEXEC)
        except OSError:
            data, ancillary = b"", []
        if not data:
            self._lose_daemon()
            return
        descriptors = array.array("i")
        for _, _, block in ancillary:
            descriptors.frombytes(block)
        kind, identifier, *rest = marshal.loads(data)
        if kind == "watch":
            self._watch(identifier, list(descriptors), *rest)
        elif kind == "attach" and descriptors:
            self._attach(identifier, descriptors[0], *rest)
        elif kind == "resize":
            self._resize(identifier, *rest)
        elif kind == "drop":
            self._drop(identifier)
        elif kind == "leave" and self.listener:
            self.poll.unregister(self.listener.fileno())
            self.listener.close()
            self.listener = None

    def _watch(self, identifier: str, descriptors: list[int], log: str, tty: bool, keep_input: bool) -> None:
        watched = self.watched.setdefault(identifier, Watched())
        watched.tty, watched.keep_input = tty, keep_input
        if log:
            watched.log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o640)
        for stream, descriptor in zip((1, 2, 0), descriptors, strict=False):
            os.set_blocking(descriptor, False)
            if stream:
                watched.outputs[descriptor] = stream
                self.readers[descriptor] = identifier
                self.poll.register(descriptor, select.EPOLLIN)
            else:
                watched.input = descriptor
        # a client may have sent all that it had before there was anybody to take it
        last = not keep_input and not any(client.input for client in watched.clients)
        self._feed(identifier, b"", last=last)

    def _attach(
        self, identifier: str, descriptor: int, framed: bool, wants_input: bool, outputs: int, data: bytes, keys: bytes
    ) -> None:
        watched = self.watched.setdefault(identifier, Watched())
        os.set_blocking(descriptor, False)
        client = Client(descriptor, framed, wants_input, outputs, keys)
        watched.clients.append(client)
        self.clients[descriptor] = (identifier, client)
        self.poll.register(descriptor, select.EPOLLIN)
        if data and wants_input:
            self._typed(identifier, client, data)

    def _resize(self, identifier: str, rows: int, columns: int) -> None:
        watched = self.watched.setdefault(identifier, Watched())
        watched.size = (rows, columns)
        if watched.tty and watched.input >= 0:
            set_window_size(watched.input, rows, columns)

    def _drop(self, identifier: str) -> None:
        watched = self.watched.get(identifier)
        if watched is not None and not watched.outputs:
            self._forget(identifier, watched)

    def _read(self, descriptor: int, identifier: str) -> None:
        watched = self.watched[identifier]
        if watched.tty and watched.input < 0:
            self._take_terminal(descriptor, identifier, watched)
            return
        try:
            data = os.read(descriptor, _READ_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno != errno.EIO:  # what a terminal says when its other side is closed
                raise
            data = b""
        stream = watched.outputs[descriptor]
        if data:
            self._log(watched, stream, data)
            self._show(watched, stream, data)
            return
        self._log(watched, stream, b"", last=True)
        self.poll.unregister(descriptor)
        del watched.outputs[descriptor], self.readers[descriptor]
        if descriptor != watched.input:
            os.close(descriptor)
        if not watched.outputs:
            self._forget(identifier, watched)
            self._tell("silent", identifier)

    def _take_terminal(self, descriptor: int, identifier: str, watched: Watched) -> None:
        """Exchange the socket that a process was launched with for the terminal that comes through it."""
        channel = _socket.socket(fileno=descriptor)
        _, ancillary, _, _ = channel.recvmsg(1, 64, _socket.MSG_CMSG_CLOEXEC)
        self.poll.unregister(descriptor)
        del watched.outputs[descriptor], self.readers[descriptor]
        channel.close()
        if not ancillary:  # it ended before it came so far
            self._forget(identifier, watched)
            self._tell("silent", identifier)
            return
        master = array.array("i", ancillary[0][2])[0]
        os.set_blocking(master, False)
        watched.input = master
        watched.outputs[master] = 1
        self.readers[master] = identifier
        self.poll.register(master, select.EPOLLIN)
        if watched.size:
            set_window_size(master, *watched.size)
        if watched.pending:
            self._feed(identifier, b"")

    def _log(self, watched: Watched, stream: int, data: bytes, last: bool = False) -> None:
        if watched.log < 0:
            return
        now_ns = time_ns()
        seconds, fraction_ns = divmod(now_ns, 1_000_000_000)
        stamp = f"{strftime('%Y-%m-%dT%H:%M:%S', gmtime(seconds))}.{fraction_ns:09d}Z"
        tail = f'","stream":"{_STREAMS[stream]}","time":"{stamp}"}}\n'
        *lines, rest = (watched.partial[stream] + data).split(b"\n")
        parts = [line + b"\n" for line in lines]
        while len(rest) >= _LINE_BYTES:
            parts.append(rest[:_LINE_BYTES])
            rest = rest[_LINE_BYTES:]
        if last and rest:
            parts.append(rest)
            rest = b""
        watched.partial[stream] = rest
        if parts:
            lines_of_log = (f'{{"log":"{part.decode(errors="replace").translate(_ESCAPES)}{tail}' for part in parts)
            os.write(watched.log, "".join(lines_of_log).encode())

    def _show(self, watched: Watched, stream: int, data: bytes) -> None:
        held_back = False
        for client in list(watched.clients):
            if client.outputs & stream and not client.closing:
                header = bytes((stream, 0, 0, 0)) + len(data).to_bytes(4, "big") if client.framed else b""
                client.backlog += header + data
                self._push(client)
                held_back |= len(client.backlog) > _BACKLOG_BYTES
        if held_back:
            for descriptor in watched.outputs:
                self.poll.modify(descriptor, 0)

    def _push(self, client: Client) -> None:
        """Send a client what it takes without waiting."""
        if client.descriptor < 0:
            return
        try:
            while client.backlog:
                client.backlog = client.backlog[os.write(client.descriptor, client.backlog[:65536]) :]
        except BlockingIOError:
            pass
        except OSError:
            self._detach(client)
            return
        if client.closing and not client.backlog:
            self._detach(client)
            return
        self._expect(client)

    def _expect(self, client: Client) -> None:
        """Ask to be told of what can be done for a client; that it hung up is always told."""
        wanted = (0 if client.spent else select.EPOLLIN) | (select.EPOLLOUT if client.backlog else 0)
        self.poll.modify(client.descriptor, wanted)

    def _serve(self, descriptor: int, event: int) -> None:
        identifier, client = self.clients[descriptor]
        watched = self.watched[identifier]
        if event & select.EPOLLOUT:
            self._push(client)
            if all(len(other.backlog) <= _BACKLOG_BYTES for other in watched.clients):
                for output in watched.outputs:
                    self.poll.modify(output, select.EPOLLIN)
        if event & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR) and descriptor in self.clients:
            try:
                data = os.read(descriptor, _READ_BYTES)
            except BlockingIOError:
                return
            except OSError:
                self._detach(client)
                return
            if data:
                if client.input:
                    self._typed(identifier, client, data)
            elif event & select.EPOLLHUP:
                self._detach(client)
            else:
                client.spent = True
                self._expect(client)
                if client.input and not watched.keep_input and not watched.tty:
                    client.input = False
                    self._feed(identifier, b"", last=True)

    def _typed(self, identifier: str, client: Client, data: bytes) -> None:
        """Pass a client's input on, unless it types the keys that detach it."""
        if client.keys and self.watched[identifier].tty:
            for number, byte in enumerate(data):
                client.seen = client.seen + 1 if byte == client.keys[client.seen] else int(byte == client.keys[0])
                if client.seen == len(client.keys):
                    self._feed(identifier, data[: max(0, number + 1 - len(client.keys))])
                    self._detach(client)
                    return
        self._feed(identifier, data)

    def _feed(self, identifier: str, data: bytes, last: bool = False) -> None:
        watched = self.watched[identifier]
        watched.pending += data
        if watched.input < 0:
            return
        try:
            while watched.pending:
                watched.pending = watched.pending[os.write(watched.input, watched.pending[:4096]) :]
        except BlockingIOError:
            if not watched.tty and watched.input not in self.writers:
                self.writers[watched.input] = identifier
                self.poll.register(watched.input, select.EPOLLOUT)
            return
        except OSError:
            watched.pending = b""  # nobody reads it any more
            last = not watched.tty
        if watched.input in self.writers:
            del self.writers[watched.input]
            self.poll.unregister(watched.input)
            last = last or not (watched.keep_input or any(client.input for client in watched.clients))
        if last:
            self._close_input(watched)

    def _close_input(self, watched: Watched) -> None:
        if watched.input >= 0 and not watched.tty:
            if watched.input in self.writers:
                del self.writers[watched.input]
                self.poll.unregister(watched.input)
            os.close(watched.input)
            watched.input = -1

    def _detach(self, client: Client) -> None:
        if client.descriptor < 0:
            return
        identifier, _ = self.clients.pop(client.descriptor)
        watched = self.watched[identifier]
        watched.clients.remove(client)
        self.poll.unregister(client.descriptor)
        os.close(client.descriptor)
        client.descriptor = -1
        if client.input and not watched.keep_input and not watched.tty:
            self._feed(identifier, b"", last=True)
        if not watched.outputs and not watched.clients:
            self.watched.pop(identifier, None)

    def _forget(self, identifier: str, watched: Watched) -> None:
        """Let go of a container whose outputs are closed; what its clients have not yet taken is sent first."""
        if watched.tty and watched.input >= 0:
            os.close(watched.input)
        else:
            self._close_input(watched)
        watched.input = -1
        if watched.log >= 0:
            os.close(watched.log)
            watched.log = -1
        for client in list(watched.clients):
            client.closing, client.input = True, False
            self._push(client)
        if not watched.clients:
            self.watched.pop(identifier, None)


if __name__ == "__main__":
    for number in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        _signal.signal(number, _signal.SIG_IGN)
    os.umask(0o077)
    Monitor(int(sys.argv[1])).run()
