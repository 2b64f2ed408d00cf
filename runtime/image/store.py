"""The content store: an OCI image layout (image-spec image-layout.md), with the layers unpacked beside it.

::

    ROOT/oci-layout  index.json  blobs/sha256/HEX     the layout; skopeo and umoci read it as it is
    ROOT/layers/HEX/                                  one unpacked layer per chain id, shared by all containers

A blob is written to a temporary name and renamed once its digest is known to be right, so what has a name is whole.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import gzip
import json
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runtime.errors import ImageError
from runtime.image.layer import unpack_layer
from runtime.kernel.files import remove_tree
from runtime.spec.digest import chain_ids, digest_hex, sha256_digest
from runtime.spec.image import MEDIA_INDEX, MEDIA_LAYER_GZIP, MEDIA_MANIFEST, REF_NAME, Descriptor, ImageConfig
from runtime.spec.reference import Reference


@dataclass(frozen=True, slots=True)
class Image:
    """An image of the store: its manifest's digest, configuration and layers, lowest first."""

    digest: str
    config: ImageConfig
    layers: tuple[Descriptor, ...]


class ImageStore:
    """The images below one folder.

    Parameters
    ----------
    root : pathlib.Path
        Made when absent.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        try:
            (root / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
            (root / "layers").mkdir(mode=0o755, exist_ok=True)
            if not (root / "oci-layout").exists():
                self._write_whole(root / "oci-layout", b'{"imageLayoutVersion": "1.0.0"}\n')
            with self._locked():
                if not (root / "index.json").exists():
                    self._write_whole(root / "index.json", _index([]))
        except OSError as error:
            raise ImageError(
                "open the image store", str(root), str(error.strerror).lower(), "choose another folder with TARE_ROOT"
            ) from error

    def put_blob(self, data: bytes, media_type: str) -> Descriptor:
        """Store content and return what points at it."""
        digest = sha256_digest(data)
        path = self._blob(digest)
        if not path.exists():
            self._write_whole(path, data)
        return Descriptor(media_type, digest, len(data))

    def read_blob(self, descriptor: Descriptor) -> bytes:
        """Read content, its size and digest verified.

        Raises
        ------
        ImageError
            Absent, or not what the digest says.
        """
        try:
            data = self._blob(descriptor.digest).read_bytes()
        except OSError as error:
            raise ImageError(
                "read blob", descriptor.digest, str(error.strerror).lower(), "pull the image again"
            ) from error
        if len(data) != descriptor.size_bytes or sha256_digest(data) != descriptor.digest:
            raise ImageError("read blob", descriptor.digest, "its content does not match its digest", "remove the file")
        return data

    def tag(self, reference: Reference, manifest: Descriptor) -> None:
        """Let a reference name a manifest; an earlier meaning is lost."""
        with self._locked():
            entries = [e for e in self._entries() if e.get("annotations", {}).get(REF_NAME) != str(reference)]
            entries.append({**manifest.to_dict(), "annotations": {REF_NAME: str(reference)}})
            self._write_whole(self._root / "index.json", _index(entries))

    def find(self, reference: Reference) -> Image | None:
        """Return the image that a reference names, or None.

        Raises
        ------
        ImageError
            It is named, but a document of it is absent or damaged.
        """
        for entry in self._entries():
            if entry.get("annotations", {}).get(REF_NAME) == str(reference):
                return self._image(Descriptor.from_dict(entry))
        return None

    def layer_folders(self, image: Image) -> tuple[str, ...]:
        """Paths of an image's unpacked layers, the topmost first; unpacks those that are not yet."""
        folders = []
        for chain_id, diff_id, layer in zip(
            chain_ids(image.config.diff_ids), image.config.diff_ids, image.layers, strict=True
        ):
            folder = self._root / "layers" / digest_hex(chain_id)
            if not folder.exists():
                self._unpack(layer, diff_id, folder)
            folders.append(str(folder))
        return tuple(reversed(folders))

    def _unpack(self, layer: Descriptor, diff_id: str, folder: Path) -> None:
        if layer.media_type != MEDIA_LAYER_GZIP:
            raise ImageError("unpack layer", layer.digest, f"media type '{layer.media_type}' is not supported")
        archive = gzip.decompress(self.read_blob(layer))
        if sha256_digest(archive) != diff_id:
            raise ImageError("unpack layer", layer.digest, "its content does not match its diff id")
        part = tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".part", dir=folder.parent)
        try:
            unpack_layer(archive, part)
            os.chmod(part, 0o755)  # noqa: S103  a root directory is to be read by every user
            try:
                os.rename(part, folder)
            except OSError as error:  # another process was faster, with the same result
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
        finally:
            remove_tree(part)

    def _image(self, manifest: Descriptor) -> Image:
        if manifest.media_type != MEDIA_MANIFEST:
            raise ImageError("read image", manifest.digest, f"media type '{manifest.media_type}' is not supported")
        document = json.loads(self.read_blob(manifest))
        config = ImageConfig.from_dict(json.loads(self.read_blob(Descriptor.from_dict(document["config"]))))
        layers = tuple(Descriptor.from_dict(layer) for layer in document["layers"])
        if len(layers) != len(config.diff_ids):
            raise ImageError("read image", manifest.digest, "layers and diff ids differ in number")
        return Image(manifest.digest, config, layers)

    def _entries(self) -> list[dict[str, Any]]:
        try:
            return list(json.loads((self._root / "index.json").read_bytes())["manifests"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ImageError(
                "read the image index", str(self._root / "index.json"), str(error), "restore it"
            ) from error

    def _blob(self, digest: str) -> Path:
        return self._root / "blobs" / "sha256" / digest_hex(digest)

    def _write_whole(self, path: Path, data: bytes) -> None:
        descriptor, part = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(part, 0o644)
            os.replace(part, path)
        except BaseException:
            os.unlink(part)
            raise

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """Hold the index's lock, so that two commands do not lose each other's tag."""
        descriptor = os.open(self._root / "index.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _index(entries: list[dict[str, Any]]) -> bytes:
    return (json.dumps({"schemaVersion": 2, "mediaType": MEDIA_INDEX, "manifests": entries}, indent=1) + "\n").encode()
