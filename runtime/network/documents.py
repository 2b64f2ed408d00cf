"""What the Docker Engine API shows of networks (versions 1.41 to 1.44); pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runtime.network.model import Endpoint, Network
from runtime.network.ports import ShownPortMap

_SANDBOX_DIGITS = 12


def network_document(network: Network, endpoints: Iterable[Endpoint]) -> dict[str, Any]:
    """A network as ``GET /networks/{id}`` shows it.

    Parameters
    ----------
    network : Network
        The network.
    endpoints : iterable of Endpoint
        Of running containers; the list ``GET /networks`` gives none of them.
    """
    config = []
    if network.subnet:
        entry: dict[str, Any] = {"Subnet": network.subnet}
        if network.ip_range:
            entry["IPRange"] = network.ip_range
        entry["Gateway"] = network.gateway
        if network.auxiliary:
            entry["AuxiliaryAddresses"] = dict(network.auxiliary)
        config.append(entry)
    return {
        "Name": network.name,
        "Id": network.id,
        "Created": network.created,
        "Scope": "local",
        "Driver": network.driver,
        "EnableIPv6": False,
        "IPAM": {
            "Driver": "default",
            "Options": None if not network.subnet or network.default else {},
            "Config": config,
        },
        "Internal": network.internal,
        "Attachable": network.attachable,
        "Ingress": False,
        "ConfigFrom": {"Network": ""},
        "ConfigOnly": False,
        "Containers": {
            endpoint.container_id: {
                "Name": endpoint.container_name,
                "EndpointID": endpoint.id,
                "MacAddress": endpoint.hardware_address,
                "IPv4Address": f"{endpoint.address}/{endpoint.prefix_length}",
                "IPv6Address": "",
            }
            for endpoint in endpoints
        },
        "Options": dict(network.options),
        "Labels": dict(network.labels),
    }


def endpoint_document(endpoint: Endpoint) -> dict[str, Any]:
    """A running container's place on a bridge network, an entry of ``NetworkSettings.Networks``."""
    return {
        **_wishes(endpoint.requested_address, endpoint.links, endpoint.aliases),
        "NetworkID": endpoint.network_id,
        "EndpointID": endpoint.id,
        "Gateway": endpoint.gateway,
        "IPAddress": endpoint.address,
        "IPPrefixLen": endpoint.prefix_length,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "MacAddress": endpoint.hardware_address,
        "DriverOpts": None,
    }


def idle_endpoint_document(network_id: str, settings: Mapping[str, Any], endpoint_id: str = "") -> dict[str, Any]:
    """The same for a container that does not run, or whose network has no addresses (host, none).

    Parameters
    ----------
    network_id : str
        Empty for a container that never ran.
    settings : mapping
        ``EndpointSettings`` as the user gave them; empty for none.
    endpoint_id : str
        Of a running container; empty otherwise.
    """
    requested = (settings.get("IPAMConfig") or {}).get("IPv4Address") or ""
    return {
        **_wishes(requested, settings.get("Links") or (), settings.get("Aliases") or ()),
        "NetworkID": network_id,
        "EndpointID": endpoint_id,
        "Gateway": "",
        "IPAddress": "",
        "IPPrefixLen": 0,
        "IPv6Gateway": "",
        "GlobalIPv6Address": "",
        "GlobalIPv6PrefixLen": 0,
        "MacAddress": "",
        "DriverOpts": None,
    }


def network_settings(sandbox_id: str, ports: ShownPortMap, networks: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """``NetworkSettings`` of ``GET /containers/{id}/json``.

    Parameters
    ----------
    sandbox_id : str
        64 hexadecimal digits that name the network namespace; empty for a container that does not run.
    ports : mapping
        As `runtime.network.ports.published_map` gives them; empty for a container that does not run.
    networks : mapping of str to mapping
        `endpoint_document` or `idle_endpoint_document` by name of the network. Of the default network the members
        are repeated one level above, as Docker does for old clients.
    """
    default = networks.get("bridge", {})
    repeated = {
        name: default.get(name, 0 if name.endswith("Len") else "")
        for name in (
            "EndpointID", "Gateway", "GlobalIPv6Address", "GlobalIPv6PrefixLen", "IPAddress", "IPPrefixLen",
            "IPv6Gateway", "MacAddress",
        )
    }  # fmt: skip
    return {
        "Bridge": "",
        "SandboxID": sandbox_id,
        "HairpinMode": False,
        "LinkLocalIPv6Address": "",
        "LinkLocalIPv6PrefixLen": 0,
        "Ports": ports,
        "SandboxKey": f"/var/run/docker/netns/{sandbox_id[:_SANDBOX_DIGITS]}" if sandbox_id else "",
        "SecondaryIPAddresses": None,
        "SecondaryIPv6Addresses": None,
        **repeated,
        "Networks": {name: dict(document) for name, document in networks.items()},
    }


def _wishes(requested: str, links: Iterable[str], aliases: Iterable[str]) -> dict[str, Any]:
    return {
        "IPAMConfig": {"IPv4Address": requested} if requested else None,
        "Links": list(links) or None,
        "Aliases": list(aliases) or None,
    }
