"""Volumes: folders of the engine that outlive containers. One folder each: its data, and what is known of it."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from runtime.engine.container import Container, now
from runtime.errors import BadParameter, Conflict, NotFound
from runtime.kernel.files import remove_tree

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]+")


@dataclass(frozen=True, slots=True)
class Volume:
    """One volume.

    Attributes
    ----------
    name : str
        Unique.
    created : str
        When.
    labels, options : dict
        As given.
    anonymous : bool
        Whether it was made for one container without a name, and goes with it.
    """

    name: str
    created: str
    labels: dict[str, str] = field(default_factory=dict)
    options: dict[str, str] = field(default_factory=dict)
    anonymous: bool = False


class Volumes:
    """The volumes below one folder.

    Parameters
    ----------
    folder : pathlib.Path
        Made when the first volume is.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> list[Volume]:
        """All volumes by name."""
        files = sorted(self._folder.glob("*/volume.json"))
        return [Volume(**json.loads(path.read_text())) for path in files]

    def find(self, name: str) -> Volume:
        """The volume of a name.

        Raises
        ------
        NotFound
            There is none.
        """
        path = self._folder / name / "volume.json"
        if not _NAME.fullmatch(name) or not path.exists():
            raise NotFound("volume", name)
        return Volume(**json.loads(path.read_text()))

    def data(self, name: str) -> Path:
        """Where a volume's files are."""
        return self._folder / name / "_data"

    def create(self, name: str, *, labels: Mapping[str, str], options: Mapping[str, str]) -> Volume:
        """Make a volume, or return the one of that name.

        Parameters
        ----------
        name : str
            Empty for a random one, of an anonymous volume.

        Raises
        ------
        BadParameter
            Not a name, in Docker's words.
        """
        if name and not _NAME.fullmatch(name):
            reason = (
                f'create {name}: "{name}" includes invalid characters for a local volume name, only '
                '"[a-zA-Z0-9][a-zA-Z0-9_.-]" are allowed. If you intended to pass a host directory, use absolute path'
            )
            raise BadParameter("create volume", name, reason)
        path = self._folder / name / "volume.json"
        if name and path.exists():
            return self.find(name)
        volume = Volume(name or secrets.token_hex(32), now(), dict(labels), dict(options), anonymous=not name)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self.data(volume.name).mkdir(parents=True, exist_ok=True)
        (self._folder / volume.name / "volume.json").write_text(json.dumps(asdict(volume)))
        return volume

    def remove(self, name: str, containers: Iterable[Container]) -> None:
        """Remove a volume and its files; blocks.

        Raises
        ------
        Conflict
            A container uses it.
        """
        volume = self.find(name)
        users = self.users(volume.name, containers)
        if users:
            reason = f"remove {name}: volume is in use - [{', '.join(users)}]"
            raise Conflict("remove volume", name, reason)
        remove_tree(str(self._folder / volume.name))

    def users(self, name: str, containers: Iterable[Container]) -> list[str]:
        """Identifiers of the containers that use a volume."""
        return [
            container.id
            for container in containers
            if any(mount["Type"] == "volume" and mount["Name"] == name for mount in container.mounts)
        ]

    def document(self, volume: Volume) -> dict[str, Any]:
        """What the API says of a volume."""
        return {
            "CreatedAt": f"{volume.created[:19]}Z",
            "Driver": "local",
            "Labels": volume.labels or None,
            "Mountpoint": str(self.data(volume.name)),
            "Name": volume.name,
            "Options": volume.options or None,
            "Scope": "local",
        }
