"""From the API's documents to a container's configuration: Docker's words in, the plan's words out. Pure."""

from __future__ import annotations

import re
import resource
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from runtime.abi import CAPABILITIES
from runtime.errors import BadParameter
from runtime.spec.config import (
    DEFAULT_CAPABILITIES,
    DEFAULT_MASKED_PATHS,
    DEFAULT_PATH,
    DEFAULT_READONLY_PATHS,
    ISOLATED,
    Bind,
    Config,
    Process,
    Resources,
    Tmpfs,
    User,
)

DEFAULT_SHM_BYTES = 64 << 20
_SIGNALS = re.compile(r"(?:SIG)?([A-Z0-9+]+)")


def merged_config(asked: Mapping[str, Any], image: Mapping[str, Any]) -> dict[str, Any]:
    """Complete a ContainerConfig from an image's configuration, by Docker's rules.

    Parameters
    ----------
    asked : mapping
        The body of ``POST /containers/create``, without HostConfig and NetworkingConfig.
    image : mapping
        The ``config`` part of the image's configuration.

    Returns
    -------
    dict
        With every field that the API shows.
    """
    entrypoint, command = asked.get("Entrypoint"), asked.get("Cmd")
    if isinstance(entrypoint, str):
        entrypoint = shlex.split(entrypoint)
    if isinstance(command, str):
        command = shlex.split(command)
    if not entrypoint and entrypoint is None:
        entrypoint = image.get("Entrypoint")
        command = command or image.get("Cmd")
    if entrypoint == [""]:
        entrypoint = None
    environment = [*(asked.get("Env") or [])]
    named = {entry.partition("=")[0] for entry in environment}
    inherited = [entry for entry in image.get("Env") or [] if entry.partition("=")[0] not in named]
    merged = {
        "Hostname": asked.get("Hostname") or "",
        "Domainname": asked.get("Domainname") or "",
        "User": asked.get("User") or image.get("User") or "",
        "AttachStdin": bool(asked.get("AttachStdin")),
        "AttachStdout": bool(asked.get("AttachStdout")),
        "AttachStderr": bool(asked.get("AttachStderr")),
        "ExposedPorts": {**(image.get("ExposedPorts") or {}), **(asked.get("ExposedPorts") or {})} or None,
        "Tty": bool(asked.get("Tty")),
        "OpenStdin": bool(asked.get("OpenStdin")),
        "StdinOnce": bool(asked.get("StdinOnce")),
        "Env": [*environment, *inherited] or None,
        "Cmd": command or None,
        "Image": asked.get("Image") or "",
        "Volumes": {**(image.get("Volumes") or {}), **(asked.get("Volumes") or {})} or None,
        "WorkingDir": asked.get("WorkingDir") or image.get("WorkingDir") or "",
        "Entrypoint": entrypoint or None,
        "OnBuild": image.get("OnBuild"),
        "Labels": {**(image.get("Labels") or {}), **(asked.get("Labels") or {})},
    }
    for optional in ("StopSignal", "StopTimeout", "Healthcheck", "Shell"):
        if (value := asked.get(optional) or image.get(optional)) is not None:
            merged[optional] = value
    return {name: value for name, value in merged.items() if value is not None or name not in ("ExposedPorts",)}


def command_of(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Program and arguments of a container: entry point, then command."""
    return (*(config.get("Entrypoint") or ()), *(config.get("Cmd") or ()))


def capabilities(host: Mapping[str, Any]) -> tuple[str, ...]:
    """Capabilities of a container: Docker's default with CapAdd and CapDrop, or all when privileged.

    Raises
    ------
    BadParameter
        A name that no capability has.
    """

    def names(asked: Sequence[str] | None) -> list[str]:
        full = [name.upper() if name.upper().startswith("CAP_") else f"CAP_{name.upper()}" for name in asked or ()]
        for name in full:
            if name not in CAPABILITIES and name != "CAP_ALL":
                raise BadParameter("keep capability", name, f'invalid CapAdd: unknown capability: "{name}"')
        return full

    added, dropped = names(host.get("CapAdd")), names(host.get("CapDrop"))
    if host.get("Privileged") or "CAP_ALL" in added:
        kept = set(CAPABILITIES)
    else:
        kept = set() if "CAP_ALL" in dropped else set(DEFAULT_CAPABILITIES)
    kept = (kept - set(dropped)) | (set(added) - {"CAP_ALL"})
    return tuple(name for name in CAPABILITIES if name in kept)


def resources(host: Mapping[str, Any]) -> Resources:
    """Limits of a HostConfig; zero and negative numbers are Docker's words for none."""
    cpus = None
    if host.get("NanoCpus"):
        cpus = host["NanoCpus"] / 1e9
    elif host.get("CpuQuota", 0) > 0:
        cpus = host["CpuQuota"] / (host.get("CpuPeriod") or 100_000)
    pids = host.get("PidsLimit") or 0
    return Resources(host.get("Memory") or None, cpus, pids if pids > 0 else None)


def rlimits(host: Mapping[str, Any]) -> tuple[tuple[int, int, int], ...]:
    """Ulimits of a HostConfig as (kind, soft, hard).

    Raises
    ------
    BadParameter
        An unknown name, or a soft limit above the hard one.
    """
    limits = []
    for limit in host.get("Ulimits") or ():
        kind = getattr(resource, f"RLIMIT_{limit['Name'].upper()}", None)
        soft, hard = limit["Soft"], limit["Hard"]
        if kind is None:
            raise BadParameter("limit", limit["Name"], f"invalid ulimit type: {limit['Name']}")
        if hard != -1 and (soft > hard or soft == -1):
            reason = f"ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"
            raise BadParameter("limit", limit["Name"], reason)
        limits.append((kind, soft, hard))
    return tuple(limits)


def parse_bind(text: str) -> tuple[str, str, bool]:
    """Parse ``SOURCE:DESTINATION[:OPTIONS]`` of ``-v`` into source, destination and whether it is read-only.

    Raises
    ------
    BadParameter
        Not of that form, in Docker's words.
    """
    source, _, rest = text.partition(":")
    destination, _, options = rest.partition(":")
    if not source or not destination.startswith("/"):
        raise BadParameter("mount", text, f"invalid volume specification: '{text}'")
    return source, destination, "ro" in options.split(",")


def tmpfs_of(host: Mapping[str, Any]) -> tuple[Tmpfs, ...]:
    """File systems in memory that a HostConfig asks for, by ``--tmpfs`` and ``--mount type=tmpfs``."""
    found = [Tmpfs(path, _tmpfs_options(options)) for path, options in (host.get("Tmpfs") or {}).items()]
    for mount in host.get("Mounts") or ():
        if mount.get("Type") == "tmpfs":
            options = mount.get("TmpfsOptions") or {}
            size = f"size={options['SizeBytes']}" if options.get("SizeBytes") else ""
            found.append(Tmpfs(mount["Target"], size))
    return tuple(found)


def _tmpfs_options(options: str) -> str:
    known = ("size=", "mode=", "uid=", "gid=", "nr_inodes=")
    return ",".join(option for option in options.split(",") if option.startswith(known))


def runtime_config(
    config: Mapping[str, Any],
    host: Mapping[str, Any],
    *,
    user: User,
    home: str,
    hostname: str,
    binds: Sequence[Bind],
    network: str | None,
) -> Config:
    """Translate a container's documents.

    Parameters
    ----------
    config, host : mapping
        ContainerConfig and HostConfig.
    user : User
        Who runs it, resolved.
    home : str
        That user's home, for HOME.
    hostname : str
        The container's.
    binds : sequence of Bind
        Files, folders and volumes of the host.
    network : str or None
        Path of a network namespace to join; empty for the host's own; None for a new one without any device but lo.

    Raises
    ------
    EngineError
        What cannot be meant or given.
    """
    variables = {"PATH": DEFAULT_PATH, "HOSTNAME": hostname, "HOME": home}
    if config["Tty"]:
        variables["TERM"] = "xterm"
    for entry in config["Env"] or ():
        name, equals, value = entry.partition("=")
        if equals:
            variables[name] = value
    security = [option.replace(":", "=", 1) for option in host.get("SecurityOpt") or ()]
    privileged = bool(host.get("Privileged"))
    process = Process(
        args=command_of(config),
        env=tuple(f"{name}={value}" for name, value in variables.items()),
        cwd=config["WorkingDir"] or "/",
        user=user,
        capabilities=capabilities(host),
        no_new_privileges=not privileged and "no-new-privileges=false" not in security,
        rlimits=rlimits(host),
        terminal=config["Tty"],
    )
    isolated = tuple(name for name in ISOLATED if name != "network" or network is None)
    if host.get("IpcMode") == "host":
        isolated = tuple(name for name in isolated if name != "ipc")
    if host.get("UTSMode") == "host":
        isolated = tuple(name for name in isolated if name != "uts")
    return Config(
        process=process,
        hostname=hostname,
        resources=resources(host),
        namespaces=isolated,
        joined=(("network", network),) if network else (),
        binds=tuple(binds),
        tmpfs=tmpfs_of(host),
        readonly_root=bool(host.get("ReadonlyRootfs")),
        sysctls=tuple((host.get("Sysctls") or {}).items()),
        masked_paths=() if privileged else DEFAULT_MASKED_PATHS,
        readonly_paths=() if privileged else DEFAULT_READONLY_PATHS,
    )
