"""Ports of the host that lead to containers: reserved by a socket, led by the packet filter.

A socket is bound to each published port and never listens: the kernel itself then finds every conflict, with other
containers and with the host's own processes, before a container starts, and nobody can take the port while it runs.
Packets never reach it, since the filter translates them first, those to 127.0.0.1 too: the bridges have
route_localnet. Docker starts a proxy process for each port instead, of 3 MiB, which copies every byte and hides the
client's address.
"""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from runtime.network import firewall
from runtime.network.errors import PortError, PrivilegeError
from runtime.network.flows import forget_flows
from runtime.network.ports import Binding, Publication

_KINDS = {
    "tcp": (socket.SOCK_STREAM, socket.IPPROTO_TCP),
    "udp": (socket.SOCK_DGRAM, socket.IPPROTO_UDP),
    "sctp": (socket.SOCK_STREAM, socket.IPPROTO_SCTP),
}


@dataclass(slots=True)
class HostPorts:
    """The ports of one container: reserved when made, then published, withdrawn, and closed once.

    Attributes
    ----------
    publications : tuple of Publication
        What is published; empty before `publish` and after `withdraw`.
    """

    publications: tuple[Publication, ...]
    _bindings: tuple[Binding, ...]
    _sockets: tuple[socket.socket, ...]

    def publish(self, container_address: str) -> tuple[Publication, ...]:
        """Lead the reserved ports to a container.

        Parameters
        ----------
        container_address : str
            IPv4 address on a network that is not internal.

        Returns
        -------
        tuple of Publication
            In the order of the bindings; the caller keeps them in its state.

        Raises
        ------
        NetworkError
            The packet filter refused; nothing is published then.
        """
        made = tuple(
            Publication(wish.protocol, *_place(held), container_address, wish.container_port)
            for wish, held in zip(self._bindings, self._sockets, strict=True)
        )
        if made:
            firewall.add_ports(made)
        self.publications = made
        return made

    def withdraw(self) -> None:
        """Stop leading the ports to the container; they stay reserved.

        Raises
        ------
        NetworkError
            The packet filter refused.
        """
        if self.publications:
            firewall.remove_ports(self.publications)
            forget_flows(self.publications)
            self.publications = ()

    def close(self) -> None:
        """Withdraw, and let others have the ports; the ports are free even when the packet filter refused."""
        try:
            self.withdraw()
        finally:
            for held in self._sockets:
                held.close()


def reserve(bindings: Iterable[Binding], default_address: str) -> HostPorts:
    """Reserve a port of the host for each wish, all or none, before a container starts.

    Parameters
    ----------
    bindings : iterable of Binding
        Wishes.
    default_address : str
        IPv4 address of the host for those that name none.

    Returns
    -------
    HostPorts
        To be closed by the caller.

    Raises
    ------
    PortError
        Port already allocated, none of a range free, no such address here; the subject is ``ADDRESS:PORT``.
        `PrivilegeError` for a port below 1024 without CAP_NET_BIND_SERVICE.
    """
    wishes = tuple(bindings)
    with contextlib.ExitStack() as undo:
        held = tuple(undo.enter_context(_hold(wish, wish.host_address or default_address)) for wish in wishes)
        undo.pop_all()
    return HostPorts((), wishes, held)


def adopt(publications: Sequence[Publication]) -> HostPorts:
    """Take over ports that an engine before this one published, after `firewall.install_table` was given them.

    Raises
    ------
    PortError
        Somebody took one in the meantime; it is still led to the container.
    """
    wishes = [
        Binding(made.container_port, made.protocol, made.host_address, range(made.host_port, made.host_port + 1))
        for made in publications
    ]
    adopted = reserve(wishes, "")
    adopted.publications = tuple(publications)
    return adopted


def _hold(wish: Binding, address: str) -> socket.socket:
    """Bind a socket to the first free candidate."""
    with contextlib.ExitStack() as undo:
        try:
            made = undo.enter_context(socket.socket(socket.AF_INET, *_KINDS[wish.protocol]))
        except OSError as error:
            reason = f"this kernel has no protocol {wish.protocol}"
            raise PortError("bind", f"{address}:{wish.container_port}", reason, f"modprobe {wish.protocol}") from error
        number = 0
        for port in wish.host_ports or (0,):
            try:
                _bind(made, address, port)
            except OSError as error:
                number = error.errno or 0
                if number == errno.EADDRINUSE:
                    continue
                break
            undo.pop_all()
            return made
    raise _refused(wish, address, number)


def _place(held: socket.socket) -> tuple[str, int]:
    address, port = held.getsockname()
    return address, port


def _bind(held: socket.socket, address: str, port: int) -> None:
    """bind(2), past connections of a server that ended (TIME_WAIT, 60 s), as every server does.

    The permission is taken back at once, so that nobody else binds to the port: the kernel asks both sockets.
    """
    stream = held.type == socket.SOCK_STREAM
    if stream:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind((address, port))
    if stream:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)


def _refused(wish: Binding, address: str, number: int) -> PortError | PrivilegeError:
    ports = wish.host_ports
    text = "an ephemeral port" if not ports else str(ports[0]) if len(ports) == 1 else f"{ports[0]}-{ports[-1]}"
    subject = f"{address}:{text}"
    if number == errno.EADDRINUSE:
        hint = f"find who has it: docker ps, or as root: ss -lnp 'sport = :{text}'; or choose another port"
        return PortError("bind", subject, "port is already allocated", hint)
    if number == errno.EADDRNOTAVAIL:
        return PortError("bind", subject, "cannot assign requested address", "see the host's addresses: ip -4 address")
    return PrivilegeError("bind", subject)
