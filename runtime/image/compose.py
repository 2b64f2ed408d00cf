"""Images put together here: layers compressed as they are written, a configuration over them, a name.

Layers get gzip at its fastest: every engine and registry reads it, and a layer that is never pushed should not cost
more. The same content gives the same digest.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from platform import machine
from typing import Any

from runtime.image.blobs import BlobWriter
from runtime.image.compression import Readable, inflate
from runtime.image.packing import Writable
from runtime.image.store import Image, ImageStore
from runtime.spec.change import apply_changes
from runtime.spec.image import MEDIA_CONFIG, MEDIA_LAYER_GZIP, MEDIA_MANIFEST, Descriptor, Manifest, Platform
from runtime.spec.reference import Reference

_LEVEL = 1


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer to be put into an image: its compressed archive, and the digest of the plain one."""

    descriptor: Descriptor
    diff_id: str


def write_layer(store: ImageStore, write: Callable[[Writable], None]) -> Layer:
    """Put a layer into the store as it is written; the caller holds a lease.

    Parameters
    ----------
    write : callable
        Writes a tar archive, such as `runtime.image.diff.pack_changes`.
    """
    with store.blobs.writer() as blob:
        sink = _Gzip(blob)
        write(sink)
        return Layer(sink.finish(), f"sha256:{sink.digest.hexdigest()}")


class _Gzip:
    """Compresses and hashes what is written."""

    def __init__(self, blob: BlobWriter) -> None:
        self._blob = blob
        self._deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, 31)  # a gzip header, without a time
        self.digest = hashlib.sha256()

    def write(self, data: bytes, /) -> int:
        self.digest.update(data)
        self._blob.write(self._deflate.compress(data))
        return len(data)

    def finish(self) -> Descriptor:
        self._blob.write(self._deflate.flush())
        return self._blob.finish(MEDIA_LAYER_GZIP)


def put_image(
    store: ImageStore, config: Descriptor, layers: Sequence[Descriptor], reference: Reference | None
) -> Image:
    """Make an image of a configuration and its layers, and unpack what is new of it; the caller holds a lease.

    Parameters
    ----------
    config : Descriptor
        The configuration (image-spec config.md), its diff ids in the order of the layers.
    layers : sequence of Descriptor
        Lowest first.
    reference : Reference or None
        What to call it.

    Raises
    ------
    ImageError
        A layer is damaged or unsafe, or not what its diff id says; the image then gets no name.
    """
    manifest = Manifest(config, tuple(layers))
    descriptor = store.put_blob(encode(manifest.to_dict()), MEDIA_MANIFEST)
    image = store.image(descriptor)
    store.layer_folders(image)
    if reference is None:
        store.keep(descriptor)
    else:
        store.tag(reference, descriptor)
    return image


def import_image(
    store: ImageStore, source: Readable, reference: Reference | None, *, changes: Sequence[str], message: str
) -> Image:
    """Make an image of one layer from a tar archive, compressed or not: ``docker import``.

    Parameters
    ----------
    changes : sequence of str
        See `runtime.spec.change.apply_changes`.
    message : str
        Comment in the history.

    Raises
    ------
    BadParameter
        A change that cannot be made.
    ImageError
        Not an archive, or an unsafe one.
    """
    config = apply_changes({}, changes)

    def copy(sink: Writable) -> None:
        for piece in inflate(source, "the archive"):
            sink.write(piece)

    with store.lease():
        layer = write_layer(store, copy)
        step = {"created": now(), "comment": message or "Imported from -"}
        document = store.put_blob(encode(extend(None, layer, config, step)), MEDIA_CONFIG)
        return put_image(store, document, [layer.descriptor], reference)


def commit(
    store: ImageStore,
    parent: Image,
    layer: Layer,
    config: Mapping[str, Any],
    reference: Reference | None,
    *,
    step: Mapping[str, Any],
) -> Image:
    """Make an image of another one and a new layer on top: ``docker commit``, and a step of a build.

    Parameters
    ----------
    layer : Layer
        From `write_layer`, made in the same lease.
    config : mapping
        The new image's ``config``.
    step : mapping
        What the history says: ``created``, ``created_by``, ``author``, ``comment``.

    Raises
    ------
    ImageError
        The layer is damaged or unsafe.
    """
    document = store.put_blob(encode(extend(parent.document, layer, config, step)), MEDIA_CONFIG)
    return put_image(store, document, [*parent.layers, layer.descriptor], reference)


def extend(
    parent: Mapping[str, Any] | None, layer: Layer | None, config: Mapping[str, Any], step: Mapping[str, Any]
) -> dict[str, Any]:
    """Return an image's configuration with a step more; of this machine's platform when there is no parent.

    Parameters
    ----------
    layer : Layer or None
        None for a step that changes the configuration alone.
    """
    platform = Platform.of_machine(machine())
    base = dict(parent or {"architecture": platform.architecture, "os": platform.os})
    if parent is None and platform.variant:
        base["variant"] = platform.variant
    for field in ("container", "container_config", "author"):
        base.pop(field, None)
    if step.get("author"):
        base["author"] = step["author"]
    diff_ids = list((base.get("rootfs") or {}).get("diff_ids") or ())
    return base | {
        "created": step["created"],
        "config": dict(config),
        "rootfs": {"type": "layers", "diff_ids": [*diff_ids, *([layer.diff_id] if layer else [])]},
        "history": [*(base.get("history") or ()), dict(step) | ({} if layer else {"empty_layer": True})],
    }


def now() -> str:
    """The present time as images write it: RFC 3339."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def encode(document: Mapping[str, Any]) -> bytes:
    """Return the bytes of a document: the same document gives the same bytes."""
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
