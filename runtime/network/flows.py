"""Connection tracking: flows that must be forgotten when a published port goes.

UDP has no connections, so a client that goes on sending from one port looks to the kernel like one flow, which would be
led to the old container for 30 to 120 s although the port belongs to another by now. For TCP the next SYN is a new one.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterable

from runtime.network.errors import refused
from runtime.network.namespace import in_thread
from runtime.network.ports import Publication


def forget_flows(publications: Iterable[Publication]) -> None:
    """Forget the flows that published UDP ports led to containers.

    Parameters
    ----------
    publications : iterable of Publication
        Ports that are published no more; those of other protocols are passed over.

    Raises
    ------
    NetworkError
        The kernel refused; `PrivilegeError` without CAP_NET_ADMIN.
    """
    places = {(made.container_address, made.container_port) for made in publications if made.protocol == "udp"}
    if places:
        in_thread(lambda: _forget(places))  # pyroute2 runs an event loop here, which one thread can do once


def _forget(places: set[tuple[str, int]]) -> None:
    from pyroute2 import Conntrack
    from pyroute2.netlink.exceptions import NetlinkError
    from pyroute2.netlink.nfnetlink.nfctsocket import NFCTAttrTuple

    try:
        with Conntrack() as tracking:
            for address, port in places:
                wanted = NFCTAttrTuple(proto=socket.IPPROTO_UDP, saddr=address, sport=port)
                for flow in list(tracking.dump_entries(tuple_reply=wanted)):
                    with contextlib.suppress(NetlinkError):  # it ended by itself
                        tracking.entry("del", tuple_orig=flow.tuple_orig)
    except NetlinkError as error:
        raise refused("forget the flows to", ", ".join(f"{a}:{p}" for a, p in sorted(places)), error.code) from error
