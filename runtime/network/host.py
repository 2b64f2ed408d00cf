"""The host's networks as one engine's: claimed, and made to be what its state says, after a crash or a reboot."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass

from runtime.network import bridge, firewall
from runtime.network.errors import NetworkError
from runtime.network.model import Network
from runtime.network.ports import Publication

_CLAIM = "\0tare-networks"  # an abstract name, unix(7): it belongs to a network namespace, and goes with its holder


@dataclass(slots=True)
class HostNetworks:
    """The claim; held until `close`, or until the engine ends.

    Attributes
    ----------
    changed : list of str
        Settings of the host that were changed and stay so, in words.
    """

    changed: list[str]
    _claim: socket.socket

    def close(self) -> None:
        """Let another engine have the host's networks; bridges and published ports stay as they are."""
        self._claim.close()


def claim_networks(networks: Iterable[Network], publications: Iterable[Publication]) -> HostNetworks:
    """Claim the host's networks, and make the kernel's state that of the engine.

    Bridges that are there stay, with all that is connected to them; missing ones are made, ones that no network wants
    are deleted, and the packet filter's table is put in place as a whole. An engine that has no container on a bridge
    network need not call it yet: it takes some 30 ms, and loads pyroute2.

    Parameters
    ----------
    networks : iterable of Network
        All bridge networks.
    publications : iterable of Publication
        Ports of running containers; `runtime.network.publish.adopt` reserves them again.

    Returns
    -------
    HostNetworks
        To be closed by the caller.

    Raises
    ------
    NetworkError
        Another engine has them, or the kernel or nft refused; `PrivilegeError` without CAP_NET_ADMIN.
    """
    wanted = {network.bridge: network for network in networks}
    claim = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        try:
            claim.bind(_CLAIM)
        except OSError as error:
            hint = "stop the other daemon: tare system shutdown; or use --network none or host here"
            raise NetworkError("claim", "networks of this host", "another tare daemon has them", hint) from error
        existing = bridge.existing_bridges()
        kept = [network for name, network in wanted.items() if existing.get(name) == network.id]
        for name in existing.keys() - {network.bridge for network in kept}:
            bridge.delete_leftover(name)
        firewall.install_table(kept, publications)
        changed = []
        for network in wanted.values():
            if network not in kept:
                changed += bridge.create_bridge(network)
    except BaseException:
        claim.close()
        raise
    return HostNetworks(changed, claim)
