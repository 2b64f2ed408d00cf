"""The life of containers in the daemon: created, started, stopped, removed, and written down on the way.

All methods run on the event loop; what blocks for long (unpacking, removing trees) is done in threads. The processes
belong to the zygote and their outputs to the monitor, so a daemon that is killed loses nothing but the requests under
way: the next one reads what was written down, hears from the zygote what runs and what has ended, and goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import secrets
import signal
import socket
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from runtime.engine.cgroups import make_session_group, remove_session_group
from runtime.engine.container import Container, now
from runtime.engine.events import Event, EventBus
from runtime.engine.names import random_name
from runtime.engine.networks import Networks, check_mode, joined_namespace, wants_bridge
from runtime.engine.translate import command_of, merged_config, parse_bind, resources, rlimits, runtime_config
from runtime.engine.users import read_below, resolve_user
from runtime.engine.volumes import Volumes
from runtime.errors import BadParameter, CommandError, Conflict, EngineError, NotFound, NotModified
from runtime.image.removal import ImageUse
from runtime.image.store import ImageStore
from runtime.kernel.files import remove_tree
from runtime.kernel.host import host_facts, last_capability
from runtime.launcher.supervisor import Supervisor
from runtime.plan.container import plan_container, plan_exec
from runtime.plan.host import RootFilesystem
from runtime.spec.config import Bind, Config, Process

_NAME = re.compile(r"/?[a-zA-Z0-9][a-zA-Z0-9_.-]+")
_DEFAULT_GRACE_S = 10


class Execution:
    """One more process in a container: ``docker exec``."""

    def __init__(self, identifier: str, container: Container, document: dict[str, Any]) -> None:
        self.id = identifier
        self.container = container
        self.document = document
        self.pid = 0
        self.running = False
        self.exit_code: int | None = None
        self.ended = asyncio.Event()


class Containers:
    """All containers of a daemon.

    Parameters
    ----------
    root : pathlib.Path
        Of the engine; containers live below ``containers/``.
    images : ImageStore
        Where their layers are.
    events : EventBus
        Told what happens.
    """

    def __init__(self, root: Path, images: ImageStore, events: EventBus) -> None:
        self._folder = root / "containers"
        # of this root alone, and the same again after a restart
        self._group = f"engine-{hashlib.sha256(os.fsencode(root)).hexdigest()[:12]}"
        self.volumes = Volumes(root / "volumes")
        self._images = images
        self._events = events
        self.host = host_facts()
        self._last_capability = last_capability()
        self._all: dict[str, Container] = {}
        self._executions: dict[str, Execution] = {}
        self._early: dict[str, int] = {}  # status of what ended before its start was written down
        self._ended: dict[str, asyncio.Event] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.networks = Networks(root)
        self.supervisor = Supervisor(root / "run", self._on_exit)

    async def open(self) -> None:
        """Read what was written down, find zygote and monitor, and take note of what went on without a daemon."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in self._folder.iterdir():
            with contextlib.suppress(EngineError):  # half made, or damaged: left for its owner to look at
                container = Container.load(folder)
                self._all[container.id] = container
                self._ended[container.id] = asyncio.Event()
        if self.host.cgroup is not None:
            self.host = replace(self.host, cgroup=make_session_group(self.host.cgroup, self._group))
        await self.supervisor.connect()
        for container in self._all.values():
            if container.alive and container.id not in self.supervisor.running:
                self._end(container, 255)
        await self.networks.open(self._all.values())

    def close(self) -> None:
        """Let go of zygote, monitor and networks; containers go on."""
        self.supervisor.close()
        self.networks.close(in_use=any(container.alive and container.network for container in self._all.values()))
        if self.host.cgroup is not None and not any(container.alive for container in self._all.values()):
            remove_session_group(self.host.cgroup)

    # what there is

    def all(self) -> list[Container]:
        """All containers, the newest first."""
        return sorted(self._all.values(), key=lambda container: container.created, reverse=True)

    def find(self, name: str) -> Container:
        """The container of a name, an identifier or its beginning.

        Raises
        ------
        NotFound
            There is none.
        BadParameter
            Several identifiers begin like this.
        """
        if name in self._all:
            return self._all[name]
        plain = name.removeprefix("/")
        for container in self._all.values():
            if container.name == plain:
                return container
        found = [container for key, container in self._all.items() if name and key.startswith(name)]
        if len(found) > 1:
            raise BadParameter("find container", name, f"multiple IDs found with provided prefix: {name}")
        if not found:
            raise NotFound("container", name)
        return found[0]

    def uses(self) -> list[ImageUse]:
        """Which images are needed."""
        return [
            ImageUse(container.id, container.image_id, container.alive, self._layers(container))
            for container in self._all.values()
        ]

    def folder(self, container: Container) -> Path:
        """A container's own folder."""
        return self._folder / container.id

    def log_path(self, container: Container) -> Path:
        """A container's log."""
        return self.folder(container) / f"{container.id}-json.log"

    def layers(self, container: Container) -> tuple[str, ...]:
        """A container's writable layer, then its image's, the topmost first."""
        return (str(self.folder(container) / "upper"), *self._layers(container))

    def _layers(self, container: Container) -> tuple[str, ...]:
        return tuple(container.host_config["Layers"])

    # changes

    async def create(self, name: str, body: Mapping[str, Any]) -> Container:
        """Make a container, without running it.

        Parameters
        ----------
        name : str
            Empty for a random one.
        body : mapping
            Of ``POST /containers/create``.

        Raises
        ------
        EngineError
            Unknown image, name in use, or a configuration that cannot be.
        """
        if name and not _NAME.fullmatch(name):
            reason = f"Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            raise BadParameter("name container", name, reason)
        name = name.removeprefix("/") or random_name({container.name for container in self._all.values()})
        self._require_free(name)
        image = self._images.resolve(body.get("Image") or "")
        config = merged_config(body, image.document.get("config") or {})
        host_config = {**_HOST_DEFAULTS, **(body.get("HostConfig") or {})}
        if not command_of(config):
            raise BadParameter("create container", name, "No command specified")
        self._check(config, host_config)
        identifier = secrets.token_hex(32)
        config["Hostname"] = config["Hostname"] or identifier[:12]
        layers = await asyncio.to_thread(self._images.layer_folders, image)
        host_config["Layers"] = list(layers)
        container = Container(identifier, name, now(), body.get("Image") or "", image.id, config, host_config)
        container.mounts = self._resolve_mounts(config, host_config)
        self._all[identifier] = container
        try:
            await asyncio.to_thread(self._make_folders, container)
            container.save(self.folder(container))
        except BaseException:
            del self._all[identifier]
            await asyncio.to_thread(remove_tree, str(self.folder(container)))
            raise
        self._ended[identifier] = asyncio.Event()
        self._tell(container, "create")
        return container

    def _require_free(self, name: str) -> None:
        for other in self._all.values():
            if other.name == name:
                reason = (
                    f'Conflict. The container name "/{name}" is already in use by container "{other.id}". '
                    "You have to remove (or rename) that container to be able to reuse that name."
                )
                raise Conflict("name container", name, reason)

    def _check(self, config: Mapping[str, Any], host: Mapping[str, Any]) -> None:
        try:
            wanted = resources(host)
        except EngineError as error:
            raise BadParameter(error.operation, error.subject, _limit_words(host, error)) from error
        if wanted.any_set and self.host.cgroup is None:
            raise BadParameter("limit", "resources", "this daemon cannot make control groups, so it cannot limit")
        rlimits(host)
        check_mode(host.get("NetworkMode") or "default")
        for bind in host.get("Binds") or ():
            parse_bind(bind)
        if config["WorkingDir"] and not config["WorkingDir"].startswith("/"):
            reason = f"the working directory '{config['WorkingDir']}' is invalid, it needs to be an absolute path"
            raise BadParameter("create container", config["WorkingDir"], reason)

    def _make_folders(self, container: Container) -> None:
        folder = self.folder(container)
        folder.mkdir(mode=0o700)
        for name, mode in (("upper", 0o755), ("work", 0o700), ("rootfs", 0o755)):
            (folder / name).mkdir()
            (folder / name).chmod(mode)

    async def start(self, name: str) -> None:
        """Run a container's program.

        Raises
        ------
        NotModified
            It runs already.
        CommandError
            Its program cannot be executed.
        EngineError
            Anything else that keeps it from running.
        """
        container = self.find(name)
        async with self._lock(container):
            if container.alive:
                reason = "cannot start a paused container, try unpause instead"
                if container.state.status == "paused":
                    raise Conflict("start container", name, reason)
                raise NotModified("start container", name, f"Container {container.id} is already running")
            await self._start(container)

    async def _start(self, container: Container) -> None:
        container.stopped_by_user = False
        state = container.state
        namespace = -1
        try:
            if wants_bridge(container.host_config):
                namespace = await self.networks.connect(container)
            config = self._runtime_config(container, namespace)
            folder = self.folder(container)
            rootfs = RootFilesystem(self._layers(container), str(folder), kept=True)
            plan = plan_container(container.id, config, rootfs, self.host, self._last_capability)
            stdio = self._open_streams(container.id, container.config, str(self.log_path(container)))
            try:
                pid = await self.supervisor.launch(plan, stdio)
            finally:
                for descriptor in set(stdio):
                    os.close(descriptor)
        except EngineError as error:
            self.networks.disconnect(container)
            state.error = error.reason
            state.exit_code = error.exit_code if isinstance(error, CommandError) else 128
            state.status = "created"
            container.save(self.folder(container))
            self.supervisor.drop(container.id)
            if container.host_config.get("AutoRemove"):
                await self._remove(container, volumes=True)
            raise
        finally:
            if namespace >= 0:
                os.close(namespace)  # its processes hold it now
        self._ended[container.id].clear()
        state.status, state.pid, state.exit_code, state.error = "running", pid, 0, ""
        state.started_at = now()
        container.save(self.folder(container))
        self._tell(container, "start")
        if container.id not in self.supervisor.running:  # it has ended while this was written down
            self._end(container, self._early.pop(container.id, 255))

    def _runtime_config(self, container: Container, namespace: int = -1) -> Config:
        config, host = container.config, container.host_config
        layers = self.layers(container)
        passwd, group = read_below(layers, "etc/passwd"), read_below(layers, "etc/group")
        user, home = resolve_user(config["User"], passwd, group)
        return runtime_config(
            config, host, user=user, home=home, hostname=config["Hostname"],
            binds=[*self._own_files(container), *self._binds(container)], network=self._network(container, namespace),
        )  # fmt: skip

    def _network(self, container: Container, namespace: int) -> str | None:
        mode = container.host_config.get("NetworkMode") or "default"
        if mode == "host":
            return ""
        if mode.startswith("container:"):
            return joined_namespace(self.find(mode.partition(":")[2]))
        return f"/proc/{os.getpid()}/fd/{namespace}" if namespace >= 0 else None

    def _own_files(self, container: Container) -> list[Bind]:
        """Write the files that each container has of its own in /etc, and bind them there."""
        binds = []
        for name, text in self.networks.files(container).items():
            path = self.folder(container) / name
            path.write_text(text)
            path.chmod(0o644)
            binds.append(Bind(str(path), f"/etc/{name}"))
        return binds

    def _binds(self, container: Container) -> list[Bind]:
        return [Bind(mount["Source"], mount["Destination"], not mount["RW"]) for mount in container.mounts]

    def _resolve_mounts(self, config: Mapping[str, Any], host: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Find or make what a container shall have of the host: folders and volumes, the latter made when absent.

        Raises
        ------
        BadParameter
            A folder that ``--mount`` names does not exist, or a volume's name is none.
        """
        mounts: dict[str, dict[str, Any]] = {}
        for source in host.get("VolumesFrom") or ():
            mounts |= {mount["Destination"]: mount for mount in self.find(source.partition(":")[0]).mounts}
        for text in host.get("Binds") or ():
            source, destination, readonly = parse_bind(text)
            if source.startswith("/") and not os.path.lexists(source):
                Path(source).mkdir(parents=True)
            mounts[destination] = self._mount(
                source, destination, text.partition(":")[2].partition(":")[2], not readonly
            )
        for asked in host.get("Mounts") or ():
            source, destination = asked.get("Source") or "", asked["Target"]
            if asked.get("Type") == "bind" and not os.path.lexists(source):
                reason = f'invalid mount config for type "bind": bind source path does not exist: {source}'
                raise BadParameter("mount", source, reason)
            if asked.get("Type") in ("bind", "volume"):
                mounts[destination] = self._mount(source, destination, "", not asked.get("ReadOnly"))
        for destination in config.get("Volumes") or ():
            mounts.setdefault(destination, self._mount("", destination, "", True))
        return list(mounts.values())

    def _mount(self, source: str, destination: str, mode: str, writable: bool) -> dict[str, Any]:
        if source.startswith("/"):
            kind: dict[str, Any] = {"Type": "bind", "Source": source, "Propagation": "rprivate"}
        else:
            volume = self.volumes.create(source, labels={}, options={})
            path = str(self.volumes.data(volume.name))
            kind = {"Type": "volume", "Name": volume.name, "Source": path, "Driver": "local", "Propagation": ""}
        return {**kind, "Destination": destination, "Mode": mode, "RW": writable}

    def _open_streams(self, identifier: str, config: Mapping[str, Any], log: str) -> tuple[int, int, int]:
        """Make a program's input and outputs; the monitor takes their other sides, the caller closes these."""
        keep_input = bool(config.get("OpenStdin")) and not config.get("StdinOnce")
        if config["Tty"]:
            ours, theirs = socket.socketpair()
            with ours:
                self.supervisor.watch(identifier, (ours.fileno(),), log, tty=True, keep_input=keep_input)
            descriptor = theirs.detach()
            return descriptor, descriptor, descriptor
        out_read, out_write = os.pipe2(os.O_CLOEXEC)
        error_read, error_write = os.pipe2(os.O_CLOEXEC)
        passed = [out_read, error_read]
        if config.get("OpenStdin"):
            in_read, in_write = os.pipe2(os.O_CLOEXEC)
            passed.append(in_write)
        else:
            in_read = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            self.supervisor.watch(identifier, passed, log, tty=False, keep_input=keep_input)
        finally:
            for descriptor in passed:
                os.close(descriptor)
        return in_read, out_write, error_write

    async def stop(self, name: str, grace_s: int | None) -> None:
        """Ask a container's program to end, then end it.

        Raises
        ------
        NotModified
            It does not run.
        """
        container = self.find(name)
        if not container.alive:
            raise NotModified("stop container", name, "it does not run")
        container.stopped_by_user = True
        grace_s = grace_s if grace_s is not None else container.config.get("StopTimeout", _DEFAULT_GRACE_S)
        self._signal(container, parse_signal(container.config.get("StopSignal") or "SIGTERM"))
        try:
            await asyncio.wait_for(self._ended[container.id].wait(), None if grace_s < 0 else grace_s)
        except TimeoutError:
            self._signal(container, signal.SIGKILL)
            await self._ended[container.id].wait()
        self._tell(container, "stop")

    async def kill(self, name: str, text: str) -> None:
        """Send a signal to a container's program.

        Raises
        ------
        Conflict
            It does not run.
        BadParameter
            No such signal.
        """
        number = parse_signal(text or "SIGKILL")
        container = self.find(name)
        if not container.alive:
            reason = f"Cannot kill container: {name}: Container {container.id} is not running"
            raise Conflict("kill container", name, reason)
        container.stopped_by_user = container.stopped_by_user or number in (signal.SIGKILL, signal.SIGTERM)
        self._signal(container, number)
        self._tell(container, "kill", signal=str(int(number)))
        if number == signal.SIGKILL:
            await self._ended[container.id].wait()

    def _signal(self, container: Container, number: int) -> None:
        self.supervisor.kill(container.id, number)

    async def restart(self, name: str, grace_s: int | None) -> None:
        """Stop a container if it runs, and start it."""
        container = self.find(name)
        with contextlib.suppress(NotModified):
            await self.stop(name, grace_s)
        async with self._lock(container):
            await self._start(container)
        self._tell(container, "restart")

    async def wait(self, name: str, condition: str) -> int:
        """Wait until a container ends (``not-running``, ``next-exit``) or is gone (``removed``); return its status."""
        container = self.find(name)
        if condition == "next-exit" or container.alive:
            ended = self._ended[container.id]
            if condition == "next-exit" and not container.alive:
                ended.clear()
            await ended.wait()
        if condition == "removed":
            while container.id in self._all:
                await asyncio.sleep(0.01)
        return container.state.exit_code

    async def remove(self, name: str, *, force: bool, volumes: bool) -> None:
        """Remove a container and all that is its own.

        Raises
        ------
        Conflict
            It runs, and is not to be forced.
        """
        container = self.find(name)
        if container.alive:
            if not force:
                reason = (
                    f"You cannot remove a running container {container.id}. "
                    "Stop the container before attempting removal or force remove"
                )
                raise Conflict("remove container", name, reason)
            container.stopped_by_user = True
            self._signal(container, signal.SIGKILL)
            await self._ended[container.id].wait()
        await self._remove(container, volumes=volumes)

    async def _remove(self, container: Container, *, volumes: bool) -> None:
        if container.state.status == "removing":
            return
        container.state.status = "removing"
        await asyncio.to_thread(remove_tree, str(self.folder(container)))
        self._all.pop(container.id, None)
        for mount in container.mounts if volumes else ():
            with contextlib.suppress(Conflict, NotFound):  # another container uses it, or it is gone already
                if mount["Type"] == "volume" and self.volumes.find(mount["Name"]).anonymous:
                    await asyncio.to_thread(self.volumes.remove, mount["Name"], self.all())
        self._locks.pop(container.id, None)
        self.supervisor.drop(container.id)
        self._tell(container, "destroy")
        self._ended.pop(container.id).set()

    def rename(self, name: str, new: str) -> None:
        """Give a container another name.

        Raises
        ------
        BadParameter
            Not a name.
        Conflict
            It is in use.
        """
        container = self.find(name)
        if not new or not _NAME.fullmatch(new):
            reason = f"Invalid container name ({new}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"
            raise BadParameter("rename container", name, reason if new else "Neither old nor new names may be empty")
        new, old = new.removeprefix("/"), container.name
        self._require_free(new)
        container.name = new
        container.save(self.folder(container))
        self._tell(container, "rename", oldName=f"/{old}")

    def attach(self, name: str, client: int, *, wants_input: bool, outputs: int, data: bytes, keys: bytes) -> None:
        """Hand a client's connection to whoever holds a container's input and outputs."""
        container = self.find(name)
        framed = not container.config["Tty"]
        wants_input = wants_input and bool(container.config["OpenStdin"])
        self.supervisor.attach(
            container.id, client, framed=framed, wants_input=wants_input, outputs=outputs, data=data, keys=keys
        )
        self._tell(container, "attach")

    def resize(self, name: str, rows: int, columns: int) -> None:
        """Set the size of a running container's terminal."""
        container = self.find(name)
        if not container.alive:
            raise Conflict("resize container", name, f"Container {container.id} is not running")
        self.supervisor.resize(container.id, rows, columns)

    # more processes in a container

    def create_execution(self, name: str, document: dict[str, Any]) -> Execution:
        """Prepare one more process in a running container.

        Raises
        ------
        Conflict
            It does not run, or is paused.
        BadParameter
            No command.
        """
        container = self.find(name)
        if not container.alive:
            raise Conflict("exec", name, f"Container {container.id} is not running")
        if container.state.status == "paused":
            reason = f"Container {name} is paused, unpause the container before exec"
            raise Conflict("exec", name, reason)
        if not document.get("Cmd"):
            raise BadParameter("exec", name, "No exec command specified")
        execution = Execution(secrets.token_hex(32), container, document)
        self._executions[execution.id] = execution
        self._tell(container, f"exec_create: {' '.join(document['Cmd'])}", execID=execution.id)
        return execution

    def execution(self, identifier: str) -> Execution:
        """A prepared, running or ended process of a container.

        Raises
        ------
        NotFound
            There is none.
        """
        if identifier not in self._executions:
            raise NotFound("exec instance", identifier)
        return self._executions[identifier]

    async def start_execution(self, execution: Execution) -> None:
        """Run a prepared process.

        Raises
        ------
        CommandError
            It cannot be executed.
        Conflict
            Its container ended.
        """
        container, document = execution.container, execution.document
        if not container.alive:
            raise Conflict("exec", container.name, f"Container {container.id} is not running")
        layers = self.layers(container)
        passwd, group = read_below(layers, "etc/passwd"), read_below(layers, "etc/group")
        base = self._runtime_config(container).process
        wanted = document.get("User") or container.config["User"]
        user, home = resolve_user(wanted, passwd, group)
        tty = bool(document.get("Tty"))
        variables = dict(entry.partition("=")[::2] for entry in base.env)
        variables["HOME"] = home
        if tty:
            variables["TERM"] = "xterm"
        variables.update(entry.partition("=")[::2] for entry in document.get("Env") or () if "=" in entry)
        process = Process(
            args=tuple(document["Cmd"]),
            env=tuple(f"{name}={value}" for name, value in variables.items()),
            cwd=document.get("WorkingDir") or base.cwd,
            user=user,
            capabilities=base.capabilities,
            no_new_privileges=base.no_new_privileges,
            rlimits=base.rlimits,
            terminal=tty,
        )
        plan = plan_exec(execution.id, process, self.host.cgroup, container.id, self._last_capability)
        streams = {"Tty": tty, "OpenStdin": bool(document.get("AttachStdin")), "StdinOnce": True}
        stdio = self._open_streams(execution.id, streams, "")
        execution.running = True
        self._tell(container, f"exec_start: {' '.join(document['Cmd'])}", execID=execution.id)
        try:
            execution.pid = await self.supervisor.launch(plan, stdio, host=container.id)
        except EngineError:
            execution.running = False
            execution.exit_code = 126  # of whatever kind: so dockerd
            self.supervisor.drop(execution.id)
            raise
        finally:
            for descriptor in set(stdio):
                os.close(descriptor)

    # what zygote and monitor tell

    def _on_exit(self, identifier: str, status: int) -> None:
        if (execution := self._executions.get(identifier)) is not None:
            execution.running, execution.exit_code, execution.pid = False, status, 0
            execution.ended.set()
            self._tell(execution.container, "exec_die", execID=identifier, exitCode=str(status))
            self.supervisor.forget(identifier)
        elif (container := self._all.get(identifier)) is not None and container.alive:
            self._end(container, status)
            self.supervisor.forget(identifier)
        elif container is not None:
            self._early[identifier] = status  # before its start was written down
            self.supervisor.forget(identifier)
        else:
            self.supervisor.forget(identifier)

    def _end(self, container: Container, status: int) -> None:
        """Write down that a container ended, and do what its policies say."""
        state = container.state
        state.status, state.pid, state.exit_code, state.finished_at = "exited", 0, status, now()
        self.networks.disconnect(container)
        with contextlib.suppress(EngineError):
            container.save(self.folder(container))
        self._tell(container, "die", exitCode=str(status))
        restarts = self._restarts(container, status)
        if not restarts:
            self._ended[container.id].set()
        if container.host_config.get("AutoRemove") and not restarts:
            self._spawn(self._remove(container, volumes=True))
        elif restarts:
            self._spawn(self._restart_later(container))

    def _restarts(self, container: Container, status: int) -> bool:
        policy = container.host_config.get("RestartPolicy") or {}
        if container.stopped_by_user:
            return False
        match policy.get("Name"):
            case "always" | "unless-stopped":
                return True
            case "on-failure":
                most = policy.get("MaximumRetryCount") or 0
                return status != 0 and (not most or container.restart_count < most)
        return False

    async def _restart_later(self, container: Container) -> None:
        await asyncio.sleep(min(60.0, 0.1 * 2**container.restart_count))
        if container.id not in self._all or container.stopped_by_user:
            self._ended[container.id].set()
            return
        container.restart_count += 1
        try:
            async with self._lock(container):
                await self._start(container)
        except EngineError:
            self._ended[container.id].set()

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _lock(self, container: Container) -> asyncio.Lock:
        return self._locks.setdefault(container.id, asyncio.Lock())

    def _tell(self, container: Container, action: str, **attributes: str) -> None:
        labels = container.config.get("Labels") or {}
        named = {"image": container.image, "name": container.name}
        self._events.publish(Event("container", action, container.id, {**labels, **named, **attributes}))


_HOST_DEFAULTS: dict[str, Any] = {
    "Binds": None, "NetworkMode": "default", "PortBindings": {},
    "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0},
    "AutoRemove": False, "CapAdd": None, "CapDrop": None, "Privileged": False, "ReadonlyRootfs": False,
    "SecurityOpt": None, "Memory": 0, "NanoCpus": 0, "PidsLimit": None, "Ulimits": None, "ShmSize": 67108864,
    "LogConfig": {"Type": "json-file", "Config": {}},
}  # fmt: skip


def _limit_words(host: Mapping[str, Any], error: EngineError) -> str:
    if 0 < (host.get("Memory") or 0) < 6 << 20:
        return "Minimum memory limit allowed is 6MB"
    return error.reason


def parse_signal(text: str) -> int:
    """Number of a signal by name, with or without SIG, or by number.

    Raises
    ------
    BadParameter
        None is called so, in Docker's words.

    Examples
    --------
    >>> parse_signal("TERM"), parse_signal("SIGKILL"), parse_signal("2")
    (15, 9, 2)
    """
    if text.isascii() and text.isdigit() and 0 < int(text) <= 64:
        return int(text)
    name = text.upper() if text.upper().startswith("SIG") else f"SIG{text.upper()}"
    found = getattr(signal.Signals, name, None)
    if found is None:
        raise BadParameter("send signal", text, f"Invalid signal: {text}")
    return int(found)
