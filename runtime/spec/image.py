"""OCI image documents, the part that running needs: descriptors, manifests, configurations (image-spec 1.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runtime.errors import ImageError
from runtime.spec.digest import digest_hex

MEDIA_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
MEDIA_INDEX = "application/vnd.oci.image.index.v1+json"
MEDIA_CONFIG = "application/vnd.oci.image.config.v1+json"
MEDIA_LAYER_GZIP = "application/vnd.oci.image.layer.v1.tar+gzip"
REF_NAME = "org.opencontainers.image.ref.name"


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
