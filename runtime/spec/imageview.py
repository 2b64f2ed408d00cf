"""What the Docker Engine API says of an image: the documents of inspect, list and history (api 1.41). Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runtime.spec.reference import Reference

_ZERO_TIME = "0001-01-01T00:00:00Z"


@dataclass(frozen=True, slots=True)
class ImageView:
    """All that the documents are made of.

    Attributes
    ----------
    image_id : str
        Digest of the configuration.
    document : mapping
        The configuration (image-spec config.md).
    references : tuple of Reference
        Every name, by tag and by digest.
    layer_sizes_bytes : tuple of int
        Size of each layer's files, the lowest first.
    folders : tuple of str
        The unpacked layers, the topmost first.
    """

    image_id: str
    document: Mapping[str, Any]
    references: tuple[Reference, ...]
    layer_sizes_bytes: tuple[int, ...]
    folders: tuple[str, ...]

    @property
    def size_bytes(self) -> int:
        """Size of all layers' files."""
        return sum(self.layer_sizes_bytes)

    @property
    def repo_tags(self) -> list[str]:
        """Names by tag."""
        return sorted(reference.familiar for reference in self.references if reference.tag)

    @property
    def repo_digests(self) -> list[str]:
        """Names by digest."""
        return sorted(reference.familiar for reference in self.references if not reference.tag)

    @property
    def created_seconds(self) -> int:
        """When the image was made, since 1970; 0 when it does not say."""
        return parse_time_seconds(self.document.get("created"))

    @property
    def labels(self) -> dict[str, str]:
        """Labels of its configuration."""
        return dict((self.document.get("config") or {}).get("Labels") or {})


def parse_time_seconds(text: object) -> int:
    """Whole seconds since 1970 of a time as RFC 3339 writes it; 0 for anything else."""
    try:
        moment = datetime.fromisoformat(str(text)[:19])
    except ValueError:
        return 0
    return max(0, int(moment.replace(tzinfo=UTC).timestamp()))


def inspect_document(view: ImageView) -> dict[str, Any]:
    """Document of ``GET /images/NAME/json``."""
    document = view.document
    config = document.get("config") or {}
    upper, *lower = view.folders or ("",)
    data = {"MergedDir": f"{upper}.merged", "UpperDir": upper, "WorkDir": f"{upper}.work"}
    return {
        "Id": view.image_id,
        "RepoTags": view.repo_tags,
        "RepoDigests": view.repo_digests,
        "Parent": "",
        "Comment": document.get("comment") or _last_comment(document),
        "Created": document.get("created") or _ZERO_TIME,
        "Container": document.get("container", ""),
        "ContainerConfig": _container_config(document.get("container_config") or {}),
        "DockerVersion": document.get("docker_version", ""),
        "Author": document.get("author", ""),
        "Config": _container_config(config),
        "Architecture": document.get("architecture", ""),
        **({"Variant": document["variant"]} if document.get("variant") else {}),
        "Os": document.get("os", "linux"),
        "Size": view.size_bytes,
        "VirtualSize": view.size_bytes,
        "GraphDriver": {"Name": "overlay2", "Data": ({"LowerDir": ":".join(lower)} if lower else {}) | data},
        "RootFS": {"Type": "layers", "Layers": list(document["rootfs"]["diff_ids"])},
        "Metadata": {"LastTagTime": _ZERO_TIME},
    }


def _last_comment(document: Mapping[str, Any]) -> str:
    history: Sequence[Mapping[str, Any]] = document.get("history") or [{}]
    return str(history[-1].get("comment", ""))


def _container_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A container's configuration with every field that Docker always gives."""
    defaults: dict[str, Any] = {
        "Hostname": "", "Domainname": "", "User": "", "AttachStdin": False, "AttachStdout": False,
        "AttachStderr": False, "Tty": False, "OpenStdin": False, "StdinOnce": False, "Env": None, "Cmd": None,
        "Image": "", "Volumes": None, "WorkingDir": "", "Entrypoint": None, "OnBuild": None, "Labels": None,
    }  # fmt: skip
    return defaults | dict(config)


def summary_document(view: ImageView) -> dict[str, Any]:
    """One entry of ``GET /images/json``."""
    return {
        "Id": view.image_id,
        "ParentId": "",
        "RepoTags": view.repo_tags or (None if view.repo_digests else ["<none>:<none>"]),
        "RepoDigests": view.repo_digests or (None if view.repo_tags else ["<none>@<none>"]),
        "Created": view.created_seconds,
        "Size": view.size_bytes,
        "SharedSize": -1,
        "VirtualSize": view.size_bytes,
        "Labels": view.labels or None,
        "Containers": -1,
    }


def history_document(view: ImageView) -> list[dict[str, Any]]:
    """Document of ``GET /images/NAME/history``: the newest step first, each with the size of the layer it made."""
    steps = list(view.document.get("history") or [])
    if sum(not step.get("empty_layer") for step in steps) != len(view.layer_sizes_bytes):
        steps = [{"created": view.document.get("created")} for _ in view.layer_sizes_bytes]  # an image may not say
    sizes = iter(view.layer_sizes_bytes)
    entries = [
        {
            "Id": "<missing>",
            "Created": parse_time_seconds(step.get("created")),
            "CreatedBy": step.get("created_by", ""),
            "Tags": None,
            "Size": 0 if step.get("empty_layer") else next(sizes),
            "Comment": step.get("comment", ""),
        }
        for step in steps
    ]
    entries.reverse()
    if entries:
        entries[0] |= {"Id": view.image_id, "Tags": view.repo_tags or None}
    return entries
