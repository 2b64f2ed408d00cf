"""Networks of the daemon's containers: the default bridge, the host's own, none, another container's.

User-defined networks are not made yet; asking for one is refused. The library behind is `runtime.network`, which is
loaded, and claims the host's networks, when the first container needs the bridge.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.engine.container import Container, now
from runtime.errors import Conflict, EngineError, NotFound

if TYPE_CHECKING:
    from runtime.network.addresses import Subnet
    from runtime.network.host import HostNetworks
    from runtime.network.model import Network
    from runtime.network.publish import HostPorts

_BRIDGE_MODES = ("default", "bridge", "")
_EVERY_ADDRESS = "0.0.0.0"  # noqa: S104  Docker's default place of a published port


def wants_bridge(host_config: Mapping[str, Any]) -> bool:
    """Whether a container shall be on the default bridge."""
    return (host_config.get("NetworkMode") or "") in _BRIDGE_MODES


class Networks:
    """The default bridge and who is on it.

    Parameters
    ----------
    root : pathlib.Path
        Of the engine; the networks' identifiers and subnet are kept in ``networks.json``.
    """

    def __init__(self, root: Path) -> None:
        self._path = root / "networks.json"
        self._claim: HostNetworks | None = None
        self._bridge: Network | None = None
        self._subnet: Subnet | None = None
        self._ports: dict[str, HostPorts] = {}
        self._lock = asyncio.Lock()

    async def open(self, containers: Iterable[Container]) -> None:
        """Take up again what running containers have: addresses and published ports."""
        running = [container for container in containers if container.alive and container.network]
        if running:
            await self._ensure(running)

    async def connect(self, container: Container) -> int:
        """Make a network namespace that is on the default bridge, its ports published.

        Parameters
        ----------
        container : Container
            Its `network` is set: endpoint and publications.

        Returns
        -------
        int
            Descriptor of the namespace; the caller closes it.

        Raises
        ------
        EngineError
            No address, a port that is taken, or the kernel refused; nothing is left then.
        """
        from runtime.network.define import define_endpoint
        from runtime.network.endpoint import connect
        from runtime.network.namespace import new_namespace
        from runtime.network.ports import bindings_from_map
        from runtime.network.publish import reserve

        async with self._lock:
            await self._ensure([])
            assert self._bridge is not None
            assert self._subnet is not None
            bindings = bindings_from_map(container.host_config.get("PortBindings") or {})
            with contextlib.ExitStack() as undo:
                ports = reserve(bindings, _EVERY_ADDRESS)
                undo.callback(ports.close)
                owner = (container.id, container.name)
                endpoint = define_endpoint(self._bridge, self._subnet, {}, secrets.token_hex(32), owner, "eth0")
                undo.callback(self._subnet.release, IPv4Address(endpoint.address))
                namespace = await asyncio.to_thread(new_namespace)
                undo.callback(os.close, namespace)
                await asyncio.to_thread(connect, self._bridge, endpoint, namespace, default_route=True)
                publications = await asyncio.to_thread(ports.publish, endpoint.address)
                undo.pop_all()
            self._ports[container.id] = ports
            container.network = {
                "endpoint": endpoint.to_dict(),
                "publications": [publication.to_dict() for publication in publications],
            }
            return namespace

    def disconnect(self, container: Container) -> None:
        """Give back a container's address and ports; its devices go with its namespace."""
        if not container.network:
            return
        if (ports := self._ports.pop(container.id, None)) is not None:
            with contextlib.suppress(EngineError):  # the ports are free whatever the packet filter says
                ports.close()
        if self._subnet is not None:
            self._subnet.release(IPv4Address(container.network["endpoint"]["address"]))
        container.network = {}

    def files(self, container: Container) -> dict[str, str]:
        """Content of a container's /etc/hosts, /etc/hostname and /etc/resolv.conf.

        Raises
        ------
        EngineError
            An option that cannot be read.
        """
        from runtime.network.hosts import (
            hostname_file,
            hosts_file,
            parse_extra_host,
            parse_resolver_settings,
            resolv_conf,
            resolver_settings,
        )

        config, host = container.config, container.host_config
        endpoint = container.network.get("endpoint") if container.network else None
        gateway = endpoint["gateway"] if endpoint else ""
        extra = [parse_extra_host(text, gateway) for text in host.get("ExtraHosts") or ()]
        addresses = [endpoint["address"]] if endpoint else []
        settings, _ = resolver_settings(
            parse_resolver_settings(_read("/etc/resolv.conf")),
            servers=host.get("Dns") or (),
            search=host.get("DnsSearch") or (),
            options=host.get("DnsOptions") or (),
            embedded=False,
        )
        return {
            "hosts": hosts_file(config["Hostname"], config.get("Domainname") or "", addresses, extra),
            "hostname": hostname_file(config["Hostname"]),
            "resolv.conf": resolv_conf(settings),
        }

    def close(self, *, in_use: bool) -> None:
        """Let another engine have the host's networks; what running containers use stays, else nothing does."""
        if self._claim is None:
            return
        from runtime.network.bridge import delete_bridge
        from runtime.network.firewall import remove_table

        if not in_use and self._bridge is not None:
            delete_bridge(self._bridge)
            remove_table()
        self._claim.close()
        self._claim = None

    async def _ensure(self, running: Iterable[Container]) -> None:
        if self._claim is not None:
            return
        from runtime.network.addresses import Subnet
        from runtime.network.bridge import routed_subnets
        from runtime.network.define import predefined_networks
        from runtime.network.host import claim_networks
        from runtime.network.model import Network
        from runtime.network.ports import Publication
        from runtime.network.publish import adopt

        if self._path.exists():
            networks = [Network.from_dict(values) for values in json.loads(self._path.read_text())]
        else:
            identifiers = {name: secrets.token_hex(32) for name in ("bridge", "host", "none")}
            networks = predefined_networks(identifiers, now(), await asyncio.to_thread(routed_subnets))
            self._path.write_text(json.dumps([network.to_dict() for network in networks]))
        self._bridge = next(network for network in networks if network.name == "bridge")
        self._subnet = Subnet.make(IPv4Network(self._bridge.subnet), IPv4Address(self._bridge.gateway))
        publications = {
            container.id: [Publication.from_dict(values) for values in container.network["publications"]]
            for container in running
        }
        everything = [publication for made in publications.values() for publication in made]
        self._claim = await asyncio.to_thread(claim_networks, [self._bridge], everything)
        for container in running:
            self._subnet.request(IPv4Address(container.network["endpoint"]["address"]))
            self._ports[container.id] = adopt(publications[container.id])


def check_mode(mode: str) -> None:
    """Refuse a network mode that is not served.

    Raises
    ------
    NotFound
        A user-defined network.
    """
    if mode not in (*_BRIDGE_MODES, "none", "host") and not mode.startswith("container:"):
        raise NotFound("network", mode)


def joined_namespace(other: Container) -> str:
    """Path of a running container's network namespace, for ``--network container:NAME``.

    Raises
    ------
    Conflict
        It does not run.
    """
    if not other.alive:
        raise Conflict("join network", other.name, f"cannot join network of a non running container: {other.id}")
    return f"/proc/{other.state.pid}/ns/net"


def _read(path: str) -> str:
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""
