"""A container as the daemon remembers it: what was asked for, and what became of it. Written down at every change."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from runtime.errors import EngineError

Status = Literal["created", "running", "paused", "restarting", "removing", "exited", "dead"]

NEVER = "0001-01-01T00:00:00Z"  # what Docker writes for a time that has not come


def now() -> str:
    """The time as Docker writes it: UTC, with nine digits of fraction."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")


@dataclass(slots=True)
class State:
    """What a container does now, or how it ended."""

    status: Status = "created"
    pid: int = 0
    exit_code: int = 0
    error: str = ""
    started_at: str = NEVER
    finished_at: str = NEVER
    oom_killed: bool = False


@dataclass(slots=True)
class Container:
    """One container.

    Attributes
    ----------
    id : str
        64 hexadecimal digits.
    name : str
        Unique, without the leading slash that the API shows.
    created : str
        When.
    image : str
        As the user named it.
    image_id : str
        Digest of its configuration.
    config, host_config : dict
        As in the API's ContainerConfig and HostConfig, completed from the image and by defaults.
    state : State
        See there.
    restart_count : int
        Of its restart policy.
    stopped_by_user : bool
        Whether its last end was asked for, so that no policy restarts it.
    network : dict
        While it runs on a bridge: its ``endpoint`` and ``publications``, as `runtime.network` writes them.
    mounts : list of dict
        Folders of the host and volumes, as the API's MountPoint.
    """

    id: str
    name: str
    created: str
    image: str
    image_id: str
    config: dict[str, Any]
    host_config: dict[str, Any]
    state: State = field(default_factory=State)
    restart_count: int = 0
    stopped_by_user: bool = False
    network: dict[str, Any] = field(default_factory=dict)
    mounts: list[dict[str, Any]] = field(default_factory=list)

    @property
    def alive(self) -> bool:
        """Whether its process exists."""
        return self.state.status in ("running", "paused")

    def save(self, folder: Path) -> None:
        """Write it down, whole or not at all.

        Raises
        ------
        EngineError
            The folder cannot be written.
        """
        path, part = folder / "container.json", folder / "container.json.part"
        try:
            with part.open("w") as file:
                json.dump(asdict(self), file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except OSError as error:
            reason = str(error.strerror).lower()
            raise EngineError("write down container", self.name, reason, "make room, then try again") from error

    @classmethod
    def load(cls, folder: Path) -> Container:
        """Read what `save` wrote.

        Raises
        ------
        EngineError
            It is absent or damaged.
        """
        try:
            document = json.loads((folder / "container.json").read_text())
            return cls(**{**document, "state": State(**document["state"])})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise EngineError("read container", str(folder), str(error), f"remove it: rm -r {folder}") from error
