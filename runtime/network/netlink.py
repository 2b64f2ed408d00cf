"""rtnetlink(7): requests sent in one batch and acknowledged one by one.

The messages are encoded and decoded by pyroute2 (its distribution pyroute2.minimal, without databases and DHCP, costs
the daemon 9 MiB instead of 14). The socket is our own: pyroute2's starts an event loop for each socket and waits for
each answer, where a batch is one send and a read or two.
"""

from __future__ import annotations

import errno
import socket
import struct
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from runtime.network.errors import refused
from runtime.network.links import (
    RTM_DELROUTE,
    RTM_GETLINK,
    RTM_NEWADDR,
    RTM_NEWROUTE,
    Request,
)

# linux/netlink.h
_NLMSG_ERROR = 2
_NLMSG_DONE = 3
_NLM_F_REQUEST = 0x1
_NLM_F_ACK = 0x4
_NLM_F_EXCL = 0x200
_NLM_F_CREATE = 0x400
_NLM_F_DUMP = 0x300
_NLM_F_DUMP_INTR = 0x10
_HEADER = struct.Struct("=IHHII")
_LENGTH_LIMIT_BYTES = 1 << 17


class Netlink:
    """A socket of the network namespace in which it was made; use it in a with statement, from one thread at a time.

    Raises
    ------
    NetworkError
        No socket could be made.
    """

    def __init__(self) -> None:
        try:
            self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.NETLINK_ROUTE)
        except OSError as error:
            raise refused("open", "rtnetlink socket", error.errno or 0) from error
        self._sequence = 0

    def __enter__(self) -> Netlink:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def apply(self, *requests: Request) -> None:
        """Send requests in one message and wait for every acknowledgement.

        The kernel goes on after one that failed; the caller undoes what it asked for.

        Raises
        ------
        NetworkError
            The first that was refused; `PrivilegeError` without CAP_NET_ADMIN.
        """
        first = self._sequence + 1
        flags = _NLM_F_REQUEST | _NLM_F_ACK
        create = _NLM_F_CREATE | _NLM_F_EXCL
        self._socket.send(
            b"".join(self._encode(request, flags | (create if request.create else 0)) for request in requests)
        )
        failures: dict[int, int] = {}
        waiting = len(requests)
        while waiting:
            for kind, _, sequence, payload in self._receive():
                if kind == _NLMSG_ERROR:
                    failures[sequence - first] = -struct.unpack_from("=i", payload)[0]
                    waiting -= 1
        for position, request in enumerate(requests):
            if failures[position]:
                raise refused(request.operation, request.subject, failures[position])

    def links(self) -> list[tuple[int, str, str]]:
        """All devices of the namespace: index, name, alias (empty for none)."""
        return [
            (message["index"], message.get_attr("IFLA_IFNAME"), message.get_attr("IFLA_IFALIAS") or "")
            for message in self._dump(RTM_GETLINK)
        ]

    def _dump(self, kind: int) -> Iterator[Any]:
        """Ask for all of a kind, again when the list changed while it was read."""
        while True:
            self._socket.send(self._encode(Request(kind, "list", ""), _NLM_F_REQUEST | _NLM_F_DUMP))
            messages: list[Any] = []
            done = interrupted = False
            while not done:
                for answer, flags, _, payload in self._receive():
                    interrupted |= bool(flags & _NLM_F_DUMP_INTR)
                    if answer == _NLMSG_ERROR:
                        raise refused("list", "network devices", -struct.unpack_from("=i", payload)[0])
                    if answer == _NLMSG_DONE:
                        done = True
                    else:
                        header = _HEADER.pack(_HEADER.size + len(payload), answer, flags, 0, 0)
                        message = _message(kind, header + payload)
                        message.decode()
                        messages.append(message)
            if not interrupted:
                yield from messages
                return

    def _encode(self, request: Request, flags: int) -> bytes:
        self._sequence += 1
        message = _message(request.kind)
        for name, value in request.fields.items():
            message[name] = value
        message["attrs"] = request.attributes
        message["header"]["type"] = request.kind
        message["header"]["flags"] = flags
        message["header"]["sequence_number"] = self._sequence
        message.encode()
        return bytes(message.data)

    def _receive(self) -> Iterator[tuple[int, int, int, bytes]]:
        """Read one datagram: type, flags, sequence number and payload of each message in it."""
        data = self._socket.recv(_LENGTH_LIMIT_BYTES)
        offset = 0
        while offset + _HEADER.size <= len(data):
            length, kind, flags, sequence, _ = _HEADER.unpack_from(data, offset)
            yield kind, flags, sequence, data[offset + _HEADER.size : offset + length]
            offset += (length + 3) & ~3


def _message(kind: int, data: bytes | None = None) -> Any:
    """An empty message of pyroute2's class for a request, or one to decode."""
    # loaded by the first network, not by a daemon that has none
    from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg
    from pyroute2.netlink.rtnl.ifinfmsg import ifinfmsg
    from pyroute2.netlink.rtnl.rtmsg import rtmsg

    routes = dict.fromkeys((RTM_NEWROUTE, RTM_DELROUTE), rtmsg)
    made = {RTM_NEWADDR: ifaddrmsg, **routes}.get(kind, ifinfmsg)
    return made() if data is None else made(data)


def index_of(name: str) -> int:
    """The index of a device in this thread's namespace.

    Raises
    ------
    NetworkError
        There is no such device.
    """
    try:
        return socket.if_nametoindex(name)
    except OSError as error:
        raise refused("find device", name, error.errno or errno.ENODEV) from error
