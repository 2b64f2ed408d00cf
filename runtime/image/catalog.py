"""Images read and found: by tag, by digest, by id. What changes them is in `runtime.image.store`."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from runtime.errors import BadParameter, ImageError, NotFound
from runtime.image.blobs import BlobStore
from runtime.image.names import Named, Names
from runtime.spec.image import (
    INDEXES,
    MANIFESTS,
    Descriptor,
    ImageConfig,
    Manifest,
    Platform,
    parse_document,
    select_manifest,
)
from runtime.spec.reference import Reference, parse_reference


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the store.

    Attributes
    ----------
    id : str
        Digest of its configuration.
    manifest : Descriptor
        Points at its manifest.
    config : ImageConfig
        The part of the configuration that the runtime uses.
    layers : tuple of Descriptor
        Lowest first.
    document : dict
        The configuration as it is; not to be changed.
    """

    id: str
    manifest: Descriptor
    config: ImageConfig
    layers: tuple[Descriptor, ...]
    document: dict[str, Any]

    @property
    def digest(self) -> str:
        """Digest of the manifest."""
        return self.manifest.digest


class Catalog:
    """The images that an index names.

    Parameters
    ----------
    names : Names
        The index.
    blobs : BlobStore
        Holds their documents.
    """

    def __init__(self, names: Names, blobs: BlobStore) -> None:
        self.names = names
        self.blobs = blobs
        self._known: dict[str, Image] = {}  # by manifest digest: what a digest names never changes

    def find(self, reference: Reference) -> Image | None:
        """Return the image that a reference names, or None.

        A reference with a digest is looked up by that alone, as Docker does.

        Raises
        ------
        ImageError
            It is named, but a document of it is absent or damaged.
        """
        if reference.digest is not None:
            reference = Reference(reference.domain, reference.path, None, reference.digest)
        for entry in self.names.read():
            if entry.reference == reference:
                return self.image(entry.manifest)
        return None

    def resolve(self, name: str) -> Image:
        """Return the image that a user means: by tag, by digest, by id or its beginning.

        Raises
        ------
        NotFound
            No such image.
        BadParameter
            Several ids begin like this, or it can be no name at all.
        ImageError
            A document of it is absent or damaged.
        """
        return self.resolve_named(name)[0]

    def resolve_named(self, name: str) -> tuple[Image, Reference | None]:
        """As `resolve`, with the reference that it was found by; None for an id."""
        shown = name
        with contextlib.suppress(ImageError):
            reference = parse_reference(name)
            shown = reference.familiar
            if (image := self.find(reference)) is not None:
                return image, reference
        prefix = name.removeprefix("sha256:")
        if prefix and set(prefix) <= set("0123456789abcdef"):
            images = {image.id: image for image, _ in self._named_images() if image.id.startswith(f"sha256:{prefix}")}
            if len(images) > 1:
                raise BadParameter("find image", name, f"ambiguous image id: {name}", "give more digits")
            if images:
                return images.popitem()[1], None
        raise NotFound("image", shown)

    def image(self, manifest: Descriptor) -> Image:
        """Read the image that a manifest describes, or that an index has for this machine.

        Raises
        ------
        ImageError
            A document of it is absent or damaged, or none is for this machine.
        """
        if manifest.digest in self._known:
            return self._known[manifest.digest]
        subject = manifest.digest
        if manifest.media_type in INDEXES:
            index = parse_document(self.blobs.read(manifest), subject)
            return self.image(select_manifest(index, Platform.of_machine(platform.machine())))
        if manifest.media_type not in MANIFESTS:
            raise ImageError("read image", subject, f"media type '{manifest.media_type}' is not supported")
        parts = Manifest.from_dict(parse_document(self.blobs.read(manifest), subject))
        document = parse_document(self.blobs.read(parts.config), parts.config.digest)
        config = ImageConfig.from_dict(document)
        if len(parts.layers) != len(config.diff_ids):
            raise ImageError("read image", subject, "layers and diff ids differ in number")
        image = Image(parts.config.digest, manifest, config, parts.layers, document)
        self._known[manifest.digest] = image
        return image

    def _document(self, descriptor: Descriptor) -> dict[str, Any]:
        return parse_document(self.blobs.read(descriptor), descriptor.digest)

    def _named_images(self) -> Iterator[tuple[Image, Reference | None]]:
        for entry in self.names.read():
            with contextlib.suppress(ImageError):
                yield self.image(entry.manifest), entry.reference

    def _id(self, entry: Named) -> str | None:
        try:
            return self.image(entry.manifest).id
        except ImageError:
            return None
