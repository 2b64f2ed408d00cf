"""OCI and Docker image documents: descriptors, indexes, manifests, configurations (image-spec 1.1; Docker schema 2).

The two families differ in their media types alone, so one class reads both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime.errors import ImageError
from runtime.spec.digest import digest_hex

MEDIA_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MEDIA_INDEX = "application/vnd.oci.image.index.v1+json"
MEDIA_CONFIG = "application/vnd.oci.image.config.v1+json"
MEDIA_LAYER_TAR = "application/vnd.oci.image.layer.v1.tar"
MEDIA_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
MEDIA_LAYER_ZSTD = "application/vnd.oci.image.layer.v1.tar+zstd"
MEDIA_DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
MEDIA_DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MEDIA_DOCKER_LAYER_TAR = "application/vnd.docker.image.rootfs.diff.tar"

MANIFESTS = (MEDIA_MANIFEST, MEDIA_DOCKER_MANIFEST)
INDEXES = (MEDIA_INDEX, MEDIA_DOCKER_LIST)
LAYERS = (
    MEDIA_LAYER_TAR, MEDIA_LAYER_GZIP, MEDIA_LAYER_ZSTD,
    MEDIA_DOCKER_LAYER_TAR, f"{MEDIA_DOCKER_LAYER_TAR}.gzip", f"{MEDIA_DOCKER_LAYER_TAR}.zstd",
)  # fmt: skip

DOCUMENT_LIMIT_BYTES = 4 << 20  # what registries accept as a manifest; documents are read into memory
REF_NAME = "org.opencontainers.image.ref.name"

_MACHINES = {
    "x86_64": ("amd64", ""), "aarch64": ("arm64", ""), "armv7l": ("arm", "v7"), "armv6l": ("arm", "v6"),
    "i686": ("386", ""), "ppc64le": ("ppc64le", ""), "s390x": ("s390x", ""), "riscv64": ("riscv64", ""),
}  # fmt: skip
_IMPLIED_VARIANTS = {("arm64", "v8"), ("amd64", "v1")}  # what an architecture without a variant means


def parse_document(data: bytes, subject: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    ImageError
        Not JSON, too deeply nested, or not an object.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ImageError("read document", subject, f"not json: {error}", "pull the image again") from error
    if not isinstance(document, dict):
        raise ImageError("read document", subject, "not a json object", "pull the image again")
    return document


@dataclass(frozen=True, slots=True)
class Descriptor:
    """What points at content: its type, digest and size (descriptor.md)."""

    media_type: str
    digest: str
    size_bytes: int

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {"mediaType": self.media_type, "digest": self.digest, "size": self.size_bytes}

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Descriptor:
        """Build from the JSON form.

        Raises
        ------
        ImageError
            A field is missing or of the wrong form.
        """
        try:
            media_type, digest, size = document["mediaType"], document["digest"], document["size"]
            digest_hex(digest)
            if not isinstance(media_type, str) or not isinstance(size, int) or size < 0:
                raise TypeError("mediaType and size")
        except (KeyError, TypeError) as error:
            raise ImageError("read descriptor", str(document)[:80], f"missing or wrong: {error}") from error
        return cls(media_type, digest, size)


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """What an image says of itself (config.md): how to run it, and which layers it has.

    Attributes
    ----------
    env, entrypoint, cmd : tuple of str
        Defaults of a container.
    working_dir : str
        Empty for the root.
    diff_ids : tuple of str
        Digests of the uncompressed layers, lowest first.
    """

    env: tuple[str, ...]
    entrypoint: tuple[str, ...]
    cmd: tuple[str, ...]
    working_dir: str
    diff_ids: tuple[str, ...]

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> ImageConfig:
        """Build from the JSON form.

        Raises
        ------
        ImageError
            No root file system of layers, or a field of the wrong form.
        """
        try:
            config = document.get("config") or {}
            diff_ids = tuple(document["rootfs"]["diff_ids"])
            for diff_id in diff_ids:
                digest_hex(diff_id)
            return cls(
                tuple(config.get("Env") or ()),
                tuple(config.get("Entrypoint") or ()),
                tuple(config.get("Cmd") or ()),
                config.get("WorkingDir") or "",
                diff_ids,
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ImageError("read image configuration", str(document)[:80], f"missing or wrong: {error}") from error


@dataclass(frozen=True, slots=True)
class Manifest:
    """An image's manifest (manifest.md; Docker schema 2): its configuration and its layers, lowest first."""

    config: Descriptor
    layers: tuple[Descriptor, ...]

    @classmethod
    def from_dict(cls, document: Mapping[str, Any]) -> Manifest:
        """Build from the JSON form.

        Raises
        ------
        ImageError
            A field is missing or of the wrong form, or a layer is of a media type that is not supported.
        """
        try:
            config = Descriptor.from_dict(document["config"])
            layers = tuple(Descriptor.from_dict(layer) for layer in document["layers"])
        except (KeyError, TypeError) as error:
            raise ImageError("read manifest", str(document)[:80], f"missing or wrong: {error}") from error
        for layer in layers:
            if layer.media_type not in LAYERS:
                raise ImageError("read manifest", layer.digest, f"media type '{layer.media_type}' is not supported")
        return cls(config, layers)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form of an OCI manifest."""
        return {
            "schemaVersion": 2,
            "mediaType": MEDIA_MANIFEST,
            "config": self.config.to_dict(),
            "layers": [layer.to_dict() for layer in self.layers],
        }


@dataclass(frozen=True, slots=True)
class Platform:
    """What an image runs on (image-index.md, *platform*)."""

    os: str
    architecture: str
    variant: str = ""

    def __str__(self) -> str:
        return "/".join(filter(None, (self.os, self.architecture, self.variant)))

    @classmethod
    def of_machine(cls, machine: str) -> Platform:
        """Linux on a machine as uname(2) names it, such as ``x86_64``."""
        return cls("linux", *_MACHINES.get(machine, (machine, "")))


def parse_platform(text: str) -> Platform:
    """Parse what ``--platform`` takes: ``linux/arm64``, ``linux/arm/v7``.

    Raises
    ------
    ImageError
        Not of that form.
    """
    parts = text.lower().split("/")
    if not 2 <= len(parts) <= 3 or not all(parts):
        raise ImageError("read platform", text, "not of the form OS/ARCHITECTURE", "for example linux/amd64")
    return Platform(*parts)


def select_manifest(index: Mapping[str, Any], platform: Platform) -> Descriptor:
    """Choose the manifest of a multi-platform index that runs on a platform.

    An exact variant is taken before none, and none before a lower one, since ARM's variants are supersets.

    Raises
    ------
    ImageError
        None does, or a field is of the wrong form.
    """
    found: list[tuple[str, Descriptor]] = []
    try:
        for entry in index["manifests"]:
            offered = entry.get("platform") or {}
            architecture, variant = offered.get("architecture", ""), offered.get("variant") or ""
            if (architecture, variant) in _IMPLIED_VARIANTS:
                variant = ""
            if (offered.get("os"), architecture) == (platform.os, platform.architecture):
                found.append((variant, Descriptor.from_dict(entry)))
    except (KeyError, TypeError, AttributeError) as error:
        raise ImageError("read index", str(index)[:80], f"missing or wrong: {error}") from error
    variant = "" if (platform.architecture, platform.variant) in _IMPLIED_VARIANTS else platform.variant
    lower = sorted({offered for offered, _ in found if offered and offered < variant}, reverse=True)
    for wanted in (variant, "", *lower):
        for offered, descriptor in found:
            if offered == wanted:
                return descriptor
    raise ImageError("select manifest", str(platform), "no matching manifest in the list", "name another --platform")
