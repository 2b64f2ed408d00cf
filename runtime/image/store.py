"""The content store: an OCI image layout (image-spec image-layout.md), with the layers unpacked beside it.

::

    ROOT/oci-layout  index.json  blobs/sha256/HEX     the layout; skopeo and umoci read it as it is
    ROOT/parts/                                       what is on its way: see `runtime.image.blobs`
    ROOT/layers/                                      one folder per chain id: see `runtime.image.unpacked`
    ROOT/lease.lock                                   shared by those who put an image together or read one

An image's id is the digest of its configuration, as with Docker. Nothing is removed while somebody holds a lease;
what should have been is removed by the next removal.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import ImageError
from runtime.image.blobs import BlobStore
from runtime.image.catalog import Catalog, Image
from runtime.image.names import Named, Names
from runtime.image.removal import ImageUse, plan_removal
from runtime.image.unpacked import UnpackedLayers
from runtime.spec.digest import chain_ids
from runtime.spec.image import INDEXES, Descriptor, Manifest
from runtime.spec.imageview import ImageView
from runtime.spec.reference import Reference

__all__ = ["Image", "ImageStore", "Removed"]


@dataclass(frozen=True, slots=True)
class Removed:
    """What was removed.

    Attributes
    ----------
    records : tuple of dict
        ``{"Untagged": name}`` and ``{"Deleted": digest}``, as the Docker Engine API lists them.
    reclaimed_bytes : int
        Size of the files of the unpacked layers that are gone.
    """

    records: tuple[dict[str, str], ...]
    reclaimed_bytes: int


class ImageStore(Catalog):
    """The images below one folder.

    Parameters
    ----------
    root : pathlib.Path
        Made when absent.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            blobs = BlobStore(root)
            if not (root / "oci-layout").exists():
                blobs.write_whole(root / "oci-layout", b'{"imageLayoutVersion": "1.0.0"}\n')
            super().__init__(Names(root, blobs), blobs)
            self.unpacked = UnpackedLayers(root / "layers", blobs)
        except OSError as error:
            raise ImageError(
                "open the image store", str(root), str(error.strerror).lower(), "choose another folder with TARE_ROOT"
            ) from error

    def put_blob(self, data: bytes, media_type: str) -> Descriptor:
        """Store a document and return what points at it."""
        return self.blobs.put(data, media_type)

    def read_blob(self, descriptor: Descriptor) -> bytes:
        """Read a document, verified; see `runtime.image.blobs.BlobStore.read`."""
        return self.blobs.read(descriptor)

    @contextlib.contextmanager
    def lease(self) -> Iterator[None]:
        """Keep everything in the store, named or not, until the block ends."""
        descriptor = os.open(self._root / "lease.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield
        finally:
            os.close(descriptor)

    def tag(self, reference: Reference, manifest: Descriptor) -> None:
        """Let a reference name a manifest; an image that it named before stays, without that name."""
        with self.names.changing() as entries:
            earlier = next((entry for entry in entries if entry.reference == reference), None)
            if earlier is not None:
                entries.remove(earlier)
            entries[:] = [entry for entry in entries if entry != Named(manifest, None)]
            entries.append(Named(manifest, reference))
            if earlier is not None and self._id(earlier) not in {self._id(entry) for entry in entries}:
                entries.append(Named(earlier.manifest, None))

    def keep(self, manifest: Descriptor) -> None:
        """Keep a manifest that has no name."""
        with self.names.changing() as entries:
            if all(entry.manifest != manifest for entry in entries):
                entries.append(Named(manifest, None))

    def layer_folders(self, image: Image) -> tuple[str, ...]:
        """Paths of an image's unpacked layers, the topmost first; unpacks those that are not yet.

        Raises
        ------
        ImageError
            A layer is absent, damaged or unsafe.
        """
        diff_ids = image.config.diff_ids
        with self.lease():
            folders = [
                str(self.unpacked.unpack(layer, diff_id, chain_id))
                for chain_id, diff_id, layer in zip(chain_ids(diff_ids), diff_ids, image.layers, strict=True)
            ]
        return tuple(reversed(folders))

    def view(self, image: Image) -> ImageView:
        """All that is said of an image; see `runtime.spec.imageview`."""
        named = [entry for entry in self.names.read() if entry.reference is not None and self._id(entry) == image.id]
        return self._view(image, tuple(entry.reference for entry in named if entry.reference is not None))

    def images(self) -> list[ImageView]:
        """All images, the newest first; one that is damaged is left out, and reported by `check`."""
        names: dict[str, list[Reference]] = {}
        known: dict[str, Image] = {}
        for image, reference in self._named_images():
            known.setdefault(image.id, image)
            names.setdefault(image.id, []).extend([reference] if reference is not None else [])
        views = [self._view(image, tuple(names[image.id])) for image in known.values()]
        return sorted(views, key=lambda view: view.created_seconds, reverse=True)

    def remove(self, name: str, *, force: bool, uses: Callable[[], Sequence[ImageUse]]) -> Removed:
        """Remove a name, and the image with its last name.

        Parameters
        ----------
        name : str
            As `resolve` takes it.
        force : bool
            See `runtime.image.removal.plan_removal`.
        uses : callable
            Tells which containers use which images; called while no name can be changed.

        Raises
        ------
        NotFound, BadParameter, Conflict
            See `resolve` and `runtime.image.removal.plan_removal`.
        """
        with self.names.changing() as entries:
            image, reference = self.resolve_named(name)
            return self._remove(entries, image, reference, force=force, uses=uses())

    def prune(self, chosen: Callable[[ImageView], bool], uses: Callable[[], Sequence[ImageUse]]) -> Removed:
        """Remove the images that no container uses and that are chosen, such as those without a tag; and all debris.

        Parameters
        ----------
        chosen : callable
            Whether an unused image is to go.
        uses : callable
            Tells which containers use which images; called while no name can be changed.
        """
        records: list[dict[str, str]] = []
        reclaimed_bytes = 0
        with self.names.changing() as entries:
            users = uses()
            used = {use.image_id for use in users}
            for view in self.images():
                if view.image_id not in used and chosen(view):
                    image = self.resolve_named(view.image_id)[0]
                    removed = self._remove(entries, image, None, force=True, uses=users)
                    records += removed.records
                    reclaimed_bytes += removed.reclaimed_bytes
            swept = self._sweep(entries, users)
        return Removed(tuple(records), reclaimed_bytes + sum(swept.values()))

    def check(self) -> list[str]:
        """Read everything that has a name, and say what is wrong with it; nothing, when all is whole.

        What a broken-off download left is no fault: the next one continues it.
        """
        problems: dict[str, None] = {}
        for entry in self.names.read():
            try:
                image = self.image(entry.manifest)
                wanted = (image.manifest, Manifest.from_dict(self._document(image.manifest)).config, *image.layers)
            except ImageError as error:
                problems[str(error)] = None
                continue
            for descriptor in wanted:
                if (problem := self.blobs.verify(descriptor)) is not None:
                    problems[problem] = None
            for chain_id in chain_ids(image.config.diff_ids):
                if self.unpacked.folder(chain_id).exists() and self.unpacked.size_bytes(chain_id) is None:
                    problems[f"unpacked layer {chain_id}: its record is missing"] = None
        return list(problems)

    def _remove(
        self,
        entries: list[Named],
        image: Image,
        reference: Reference | None,
        *,
        force: bool,
        uses: Sequence[ImageUse],
    ) -> Removed:
        if reference is not None and reference.digest is not None:
            reference = Reference(reference.domain, reference.path, None, reference.digest)
        own = [entry for entry in entries if self._id(entry) == image.id]
        references = tuple(entry.reference for entry in own if entry.reference is not None)
        plan = plan_removal(self._view(image, references), reference, force=force, uses=uses)
        records = [{"Untagged": gone.familiar} for gone in plan.untagged]
        entries[:] = [
            entry for entry in entries if entry not in own or not (plan.deleted or entry.reference in plan.untagged)
        ]
        if not plan.deleted:
            if not any(self._id(entry) == image.id for entry in entries):
                entries.append(Named(image.manifest, None))
            return Removed(tuple(records), 0)
        removed = self._sweep(entries, uses)
        order = [chain_id for chain_id in reversed(chain_ids(image.config.diff_ids)) if chain_id in removed]
        records += [{"Deleted": digest} for digest in (image.id, *order)]
        return Removed(tuple(records), sum(removed.values()))

    def _sweep(self, entries: list[Named], uses: Sequence[ImageUse]) -> dict[str, int]:
        """Remove content that no entry needs, unless a lease is held; sizes in bytes of unpacked layers by chain id."""
        descriptor = os.open(self._root / "lease.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            blobs: set[str] = set()
            layers: set[str] = set()
            for entry in entries:
                self._mark(entry.manifest, blobs, layers)
            folders = frozenset(folder for use in uses for folder in use.folders)
            # names first: a crash between may leave content without a name, never a name without content
            self.names.write(entries)
            self.blobs.sweep(frozenset(blobs))
            self._known = {digest: image for digest, image in list(self._known.items()) if digest in blobs}
            return self.unpacked.sweep(frozenset(layers), folders)
        except (BlockingIOError, ImageError):
            return {}  # somebody needs the store as it is, or an entry cannot be read: what it needs is not known
        finally:
            os.close(descriptor)

    def _mark(self, manifest: Descriptor, blobs: set[str], layers: set[str]) -> None:
        """Note all digests that an entry needs."""
        blobs.add(manifest.digest)
        if manifest.media_type in INDEXES:
            for member in self._document(manifest)["manifests"]:
                if self.blobs.has(descriptor := Descriptor.from_dict(member)):  # a layout may hold some platforms only
                    self._mark(descriptor, blobs, layers)
            return
        image = self.image(manifest)
        blobs.update((image.id, *(layer.digest for layer in image.layers)))
        layers.update(chain_ids(image.config.diff_ids))

    def _view(self, image: Image, references: tuple[Reference, ...]) -> ImageView:
        chain = chain_ids(image.config.diff_ids)
        sizes = []
        for chain_id, layer in zip(chain, image.layers, strict=True):
            size_bytes = self.unpacked.size_bytes(chain_id)
            sizes.append(layer.size_bytes if size_bytes is None else size_bytes)  # until it is unpacked
        folders = tuple(str(self.unpacked.folder(chain_id)) for chain_id in reversed(chain))
        return ImageView(image.id, image.document, references, tuple(sizes), folders)
