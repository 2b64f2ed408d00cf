"""What images are called: the ``index.json`` of an OCI image layout, one entry for each name of a manifest.

A manifest without a name, a *dangling* image, has an entry without the annotation.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from runtime.errors import ImageError
from runtime.image.blobs import BlobStore
from runtime.spec.image import MEDIA_INDEX, REF_NAME, Descriptor
from runtime.spec.reference import Reference, parse_reference


@dataclass(frozen=True, slots=True)
class Named:
    """A manifest, or an index of manifests, and one name of it; None when it has none."""

    manifest: Descriptor
    reference: Reference | None


class Names:
    """The index of an image layout.

    Parameters
    ----------
    root : pathlib.Path
        The layout's folder.
    blobs : BlobStore
        Writes the file.
    """

    def __init__(self, root: Path, blobs: BlobStore) -> None:
        self._path = root / "index.json"
        self._lock = root / "index.lock"
        self._blobs = blobs
        with self.changing():
            pass  # writes an empty index when there is none

    def read(self) -> list[Named]:
        """Return all entries.

        Raises
        ------
        ImageError
            The file is absent or damaged.
        """
        try:
            document = json.loads(self._path.read_bytes())
            return [Named(Descriptor.from_dict(entry), _reference(entry)) for entry in document["manifests"]]
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise ImageError("read the image index", str(self._path), str(error), "restore it") from error

    @contextlib.contextmanager
    def changing(self) -> Iterator[list[Named]]:
        """Give the entries to be changed; written when the block ends, while no other process can change them."""
        descriptor = os.open(self._lock, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            before = self.read() if self._path.exists() else None
            entries = list(before or [])
            yield entries
            if entries != before:
                self.write(entries)
        finally:
            os.close(descriptor)

    def write(self, entries: list[Named]) -> None:
        """Write the entries now; only within `changing`."""
        self._blobs.write_whole(self._path, _encode(entries))


def _reference(entry: dict[str, dict[str, str]]) -> Reference | None:
    name = (entry.get("annotations") or {}).get(REF_NAME)
    try:
        return parse_reference(name) if name else None
    except ImageError:
        return None  # another tool's layout may call an image anything


def _encode(entries: list[Named]) -> bytes:
    manifests = [
        entry.manifest.to_dict() | ({"annotations": {REF_NAME: str(entry.reference)}} if entry.reference else {})
        for entry in entries
    ]
    document = {"schemaVersion": 2, "mediaType": MEDIA_INDEX, "manifests": manifests}
    return (json.dumps(document, indent=1) + "\n").encode()
