"""What the API says of containers: ContainerInspect and ContainerSummary of the API description. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from runtime.engine.container import NEVER, Container
from runtime.engine.translate import command_of
from runtime.network.documents import endpoint_document, network_settings
from runtime.network.model import Endpoint
from runtime.network.ports import Publication, port_summary, published_map
from runtime.spec.config import DEFAULT_MASKED_PATHS, DEFAULT_READONLY_PATHS


def inspect(container: Container, folder: str, log_path: str) -> dict[str, Any]:
    """All that is known of a container.

    Parameters
    ----------
    container : Container
        Which.
    folder, log_path : str
        Where its own files are.
    """
    state, host = container.state, container.host_config
    path, *arguments = command_of(container.config)
    return {
        "Id": container.id,
        "Created": container.created,
        "Path": path,
        "Args": arguments,
        "State": {
            "Status": state.status,
            "Running": container.alive,
            "Paused": state.status == "paused",
            "Restarting": state.status == "restarting",
            "OOMKilled": state.oom_killed,
            "Dead": state.status == "dead",
            "Pid": state.pid,
            "ExitCode": state.exit_code,
            "Error": state.error,
            "StartedAt": state.started_at,
            "FinishedAt": state.finished_at,
        },
        "Image": container.image_id,
        "ResolvConfPath": "",
        "HostnamePath": "",
        "HostsPath": "",
        "LogPath": log_path,
        "Name": f"/{container.name}",
        "RestartCount": container.restart_count,
        "Driver": "overlay2",
        "Platform": "linux",
        "MountLabel": "",
        "ProcessLabel": "",
        "AppArmorProfile": "",
        "ExecIDs": None,
        "HostConfig": {
            **{name: value for name, value in host.items() if name != "Layers"},
            "MaskedPaths": None if host.get("Privileged") else list(DEFAULT_MASKED_PATHS),
            "ReadonlyPaths": None if host.get("Privileged") else list(DEFAULT_READONLY_PATHS),
        },
        "GraphDriver": {
            "Name": "overlay2",
            "Data": {
                "LowerDir": ":".join(host["Layers"]),
                "UpperDir": f"{folder}/upper",
                "WorkDir": f"{folder}/work",
                "MergedDir": f"{folder}/rootfs",
            },
        },
        "Mounts": container.mounts,
        "Config": container.config,
        "NetworkSettings": _network_settings(container),
    }


def summary(container: Container, now_s: float) -> dict[str, Any]:
    """What ``docker ps`` shows of a container; `now_s` is the time since 1970, for how long ago things were."""
    return {
        "Id": container.id,
        "Names": [f"/{container.name}"],
        "Image": container.image,
        "ImageID": container.image_id,
        "Command": " ".join(command_of(container.config)),
        "Created": int(seconds(container.created)),
        "Ports": port_summary(_publications(container), container.config.get("ExposedPorts") or {}),
        "Labels": container.config.get("Labels") or {},
        "State": container.state.status,
        "Status": status_words(container, now_s),
        "HostConfig": {"NetworkMode": container.host_config.get("NetworkMode") or "default"},
        "NetworkSettings": {"Networks": {}},
        "Mounts": container.mounts,
    }


def status_words(container: Container, now_s: float) -> str:
    """A container's status in words, as ``Up 3 minutes`` or ``Exited (0) 2 hours ago``."""
    state = container.state
    if container.alive:
        up = f"Up {duration_words(now_s - seconds(state.started_at))}"
        return f"{up} (Paused)" if state.status == "paused" else up
    if state.status == "created":
        return "Created"
    if state.status == "removing":
        return "Removal In Progress"
    if state.finished_at == NEVER:
        return state.status.capitalize()
    return f"Exited ({state.exit_code}) {duration_words(now_s - seconds(state.finished_at))} ago"


def duration_words(duration_s: float) -> str:
    """A duration as people say it.

    Examples
    --------
    >>> duration_words(0.4), duration_words(1.2), duration_words(59), duration_words(3600)
    ('Less than a second', '1 second', '59 seconds', 'About an hour')
    """
    whole_s = int(duration_s)
    if whole_s < 1:
        return "Less than a second"
    if whole_s < 60:
        return f"{whole_s} second{'s' if whole_s > 1 else ''}"
    minutes, hours = whole_s // 60, round(duration_s / 3600)
    if minutes == 1:
        return "About a minute"
    if minutes < 60:
        return f"{minutes} minutes"
    if hours == 1:
        return "About an hour"
    for size, unit in ((48, "hour"), (24 * 14, "day"), (24 * 60, "week"), (24 * 730, "month")):
        if hours < size:
            step = {"hour": 1, "day": 24, "week": 168, "month": 720}[unit]
            return f"{hours // step} {unit}s"
    return f"{hours // 8760} years"


def seconds(stamp: str) -> float:
    """Seconds since 1970 of a time that `runtime.engine.container.now` wrote."""
    return datetime.strptime(stamp[:26].rstrip("Z"), "%Y-%m-%dT%H:%M:%S.%f").replace(tzinfo=UTC).timestamp()


def _publications(container: Container) -> list[Publication]:
    return [Publication.from_dict(values) for values in container.network.get("publications", ())]


def _network_settings(container: Container) -> dict[str, Any]:
    exposed = container.config.get("ExposedPorts") or {}
    ports = published_map(_publications(container), exposed) if container.network else {}
    networks = {}
    if container.network:
        networks["bridge"] = endpoint_document(Endpoint.from_dict(container.network["endpoint"]))
    return network_settings(container.id if container.alive else "", ports, networks)
