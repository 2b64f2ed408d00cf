"""Images as one file: ``docker save`` and ``docker load``.

What is written is an OCI image layout in a tar archive, with Docker's ``manifest.json`` beside its index, so that
every engine since Docker 1.10 and every OCI tool reads it. What is read may be either, or compressed; it is read as a
stream, its content stored by its own digest, and no name in it ever becomes a path here.
"""

from __future__ import annotations

import io
import posixpath
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runtime.errors import ImageError
from runtime.image.blobs import CHUNK_BYTES
from runtime.image.compose import encode, put_image
from runtime.image.compression import Readable, read_ahead
from runtime.image.packing import Writable, open_archive
from runtime.image.store import Image, ImageStore
from runtime.image.unpack import members
from runtime.spec.digest import digest_hex
from runtime.spec.image import (
    MEDIA_CONFIG,
    MEDIA_INDEX,
    MEDIA_LAYER_GZIP,
    MEDIA_LAYER_TAR,
    MEDIA_LAYER_ZSTD,
    REF_NAME,
    Descriptor,
    Manifest,
    parse_document,
)
from runtime.spec.reference import Reference, parse_reference

CONTAINERD_NAME = "io.containerd.image.name"  # the whole reference; Docker and containerd write it

_BLOBS = "blobs/sha256/"
_LINKS_FOLLOWED = 8


def save(store: ImageStore, names: Sequence[str], sink: Writable) -> None:
    """Write images as one archive.

    Parameters
    ----------
    names : sequence of str
        As `runtime.image.store.ImageStore.resolve` takes them; an id alone is saved without a name.

    Raises
    ------
    NotFound, BadParameter, ImageError
        An image is unknown or damaged.
    """
    with store.lease():
        wanted: dict[str, tuple[Image, list[Reference]]] = {}
        for name in names:
            image, reference = store.resolve_named(name)
            references = wanted.setdefault(image.digest, (image, []))[1]
            if reference is not None and reference.tag and reference not in references:
                references.append(reference)
        with open_archive(sink) as archive:
            _write(archive, store, list(wanted.values()))


def _write(archive: tarfile.TarFile, store: ImageStore, wanted: Sequence[tuple[Image, list[Reference]]]) -> None:
    entries, docker, written = [], [], set()
    for folder in ("blobs", _BLOBS.rstrip("/")):
        member = tarfile.TarInfo(folder)
        member.type, member.mode = tarfile.DIRTYPE, 0o755
        archive.addfile(member)
    for image, references in wanted:
        config = Manifest.from_dict(parse_document(store.read_blob(image.manifest), image.digest)).config
        for descriptor in (*image.layers, config, image.manifest):
            if descriptor.digest not in written:
                written.add(descriptor.digest)
                member = tarfile.TarInfo(_BLOBS + digest_hex(descriptor.digest))
                member.size = descriptor.size_bytes
                with store.blobs.open(descriptor) as file:
                    archive.addfile(member, file)
        names = [{CONTAINERD_NAME: str(r), REF_NAME: str(r.tag)} for r in references]
        entries += [image.manifest.to_dict() | ({"annotations": n} if n else {}) for n in names or [{}]]
        docker.append(
            {
                "Config": _BLOBS + digest_hex(image.id),
                "RepoTags": [reference.familiar for reference in references] or None,
                "Layers": [_BLOBS + digest_hex(layer.digest) for layer in image.layers],
            }
        )
    _add_document(archive, "index.json", {"schemaVersion": 2, "mediaType": MEDIA_INDEX, "manifests": entries})
    _add_document(archive, "manifest.json", docker)
    _add_document(archive, "oci-layout", {"imageLayoutVersion": "1.0.0"})


def _add_document(archive: tarfile.TarFile, name: str, document: Any) -> None:
    data = encode(document)
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


@dataclass(frozen=True, slots=True)
class Loaded:
    """An image that was loaded, and its names."""

    image: Image
    references: tuple[Reference, ...]


def load(store: ImageStore, source: Readable) -> list[Loaded]:
    """Read the images of an archive, as Docker, podman, skopeo or `save` wrote it, compressed or not.

    Raises
    ------
    ImageError
        It holds no image, or one that is incomplete, damaged or unsafe; images before that one stay.
    """
    with store.lease():
        contents = _Contents(store)
        with read_ahead(source, "the archive") as stream:
            for archive, member in members(stream, "the archive"):
                try:
                    contents.add(archive, member)
                except tarfile.TarError as error:
                    raise ImageError("load", member.name, str(error), "is the archive complete?") from error
        return contents.images()


class _Contents:
    """What an archive holds, by name: everything is a blob of the store, and links are names only."""

    def __init__(self, store: ImageStore) -> None:
        self._store = store
        self._files: dict[str, Descriptor] = {}
        self._links: dict[str, str] = {}

    def add(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> None:
        name = posixpath.normpath(member.name)
        if member.issym():
            self._links[name] = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
        elif member.islnk():
            self._links[name] = posixpath.normpath(member.linkname)
        elif member.isreg():
            content = archive.extractfile(member)
            assert content is not None
            promised = f"sha256:{name.removeprefix(_BLOBS)}" if name.startswith(_BLOBS) else None
            with self._store.blobs.writer() as blob:
                head = piece = content.read(CHUNK_BYTES)
                while piece:
                    blob.write(piece)
                    piece = content.read(CHUNK_BYTES)
                self._files[name] = blob.finish(_layer_type(head), promised)

    def images(self) -> list[Loaded]:
        tagged = self._document("manifest.json") if "manifest.json" in self._files else []
        if "index.json" in self._files:
            return self._of_layout(_entries(self._document("index.json"), "manifests"), _tags_by_config(tagged))
        if not tagged:
            raise ImageError("load", "the archive", "no manifest.json and no index.json in it", "is it from save?")
        return [self._of_docker(entry) for entry in tagged]

    def _of_layout(self, entries: list[dict[str, Any]], tags: dict[str, list[str]]) -> list[Loaded]:
        loaded: dict[str, Loaded] = {}
        for entry in entries:
            descriptor = Descriptor.from_dict(entry)
            image = self._store.image(descriptor)
            self._store.layer_folders(image)
            named = [parse_reference(name) for name in (*_names(entry), *tags.get(image.id, ()))]
            before = loaded[image.id].references if image.id in loaded else ()
            loaded[image.id] = Loaded(image, tuple(dict.fromkeys((*before, *named))))
        for one in loaded.values():
            for reference in one.references:
                self._store.tag(reference, one.image.manifest)
            if not one.references:
                self._store.keep(one.image.manifest)
        return list(loaded.values())

    def _of_docker(self, entry: dict[str, Any]) -> Loaded:
        try:
            config, paths, tags = str(entry["Config"]), list(entry["Layers"]), list(entry.get("RepoTags") or ())
        except (KeyError, TypeError) as error:
            raise ImageError("load", "manifest.json", f"missing or wrong: {error}") from error
        stored = self._file(config)
        layers = [self._file(str(path)) for path in paths]
        references = [parse_reference(str(tag)) for tag in tags]
        described = Descriptor(MEDIA_CONFIG, stored.digest, stored.size_bytes)
        image = put_image(self._store, described, layers, references[0] if references else None)
        for reference in references[1:]:
            self._store.tag(reference, image.manifest)
        return Loaded(image, tuple(references))

    def _file(self, name: str) -> Descriptor:
        name = posixpath.normpath(name)
        for _ in range(_LINKS_FOLLOWED):
            if name in self._files:
                return self._files[name]
            name = self._links.get(name, name)
        raise ImageError("load", name, "the archive does not hold it", "save the image again")

    def _document(self, name: str) -> Any:
        data = self._store.read_blob(self._file(name))
        return parse_document(b'{"list":' + data + b"}", name)["list"]


def _entries(document: Any, field: str) -> list[dict[str, Any]]:
    try:
        return [dict(entry) for entry in document[field]]
    except (KeyError, TypeError, ValueError) as error:
        raise ImageError("load", "index.json", f"missing or wrong: {error}") from error


def _names(entry: dict[str, Any]) -> list[str]:
    """Full references of an entry of an index; a mere tag, as OCI tools write it, names no repository."""
    annotations = entry.get("annotations") or {}
    name = annotations.get(CONTAINERD_NAME) or annotations.get(REF_NAME) or ""
    return [str(name)] if set("/:") & set(str(name)) else []


def _tags_by_config(tagged: Any) -> dict[str, list[str]]:
    """Names in Docker's manifest.json, by image id."""
    found: dict[str, list[str]] = {}
    for entry in tagged if isinstance(tagged, list) else ():
        path = posixpath.normpath(str(entry.get("Config")))
        if path.startswith(_BLOBS):
            found[f"sha256:{path.removeprefix(_BLOBS)}"] = [str(tag) for tag in entry.get("RepoTags") or ()]
    return found


def _layer_type(head: bytes) -> str:
    """Media type of a layer by its first bytes."""
    if head.startswith(b"\x1f\x8b"):
        return MEDIA_LAYER_GZIP
    return MEDIA_LAYER_ZSTD if head.startswith(b"\x28\xb5\x2f\xfd") else MEDIA_LAYER_TAR
