"""Layers unpacked once and shared by every image and container: one folder per chain id.

::

    ROOT/layers/HEX/      whole; HEX is the chain id's
    ROOT/layers/HEX.json  its size, and what could not be unpacked
    ROOT/layers/HEX.part/ being unpacked, or being removed; locked by whoever does it, else debris

The folder is its own lock (flock(2)): two that want one layer unpack it once.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Callable
from pathlib import Path

from runtime.errors import ImageError
from runtime.image.blobs import BlobStore
from runtime.image.compression import read_ahead
from runtime.image.unpack import unpack_layer
from runtime.kernel.files import remove_tree
from runtime.spec.digest import digest_hex
from runtime.spec.image import Descriptor


class UnpackedLayers:
    """The unpacked layers below one folder.

    Parameters
    ----------
    root : pathlib.Path
        Made when absent; closed to other users, since layers hold set-user-ID programs.
    blobs : BlobStore
        Where the archives come from.
    """

    def __init__(self, root: Path, blobs: BlobStore) -> None:
        self._root = root
        self._blobs = blobs
        root.mkdir(mode=0o700, exist_ok=True)

    def folder(self, chain_id: str) -> Path:
        """Where a layer lies once it is unpacked."""
        return self._root / digest_hex(chain_id)

    def size_bytes(self, chain_id: str) -> int | None:
        """Sum of the sizes of a layer's files; None when it is not unpacked."""
        try:
            return int(json.loads(self._record(chain_id).read_bytes())["size_bytes"])
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, OSError) as error:
            path = self._record(chain_id)
            raise ImageError("read layer record", str(path), str(error), "remove the file and its folder") from error

    def unpack(
        self, layer: Descriptor, diff_id: str, chain_id: str, report: Callable[[int], None] | None = None
    ) -> Path:
        """Unpack a layer unless it is unpacked already, verified against its diff id, and return its folder.

        Parameters
        ----------
        report : callable or None
            Told how many bytes of the compressed layer were read, now and then.

        Raises
        ------
        ImageError
            The layer is damaged, unsafe, or not what the diff id says; nothing of it is kept.
        """
        folder = self.folder(chain_id)
        part = folder.with_suffix(".part")
        while not folder.exists():
            part.mkdir(mode=0o700, exist_ok=True)
            with contextlib.ExitStack() as stack:
                if not _lock(part, stack, wait=True) or folder.exists():
                    continue
                stack.callback(remove_tree, str(part))
                if any(part.iterdir()):
                    continue  # whoever unpacked here was killed: the folder goes, and we begin again
                self._fill(part, layer, diff_id, chain_id, report)
                os.rename(part, folder)
        return folder

    def _fill(
        self, part: Path, layer: Descriptor, diff_id: str, chain_id: str, report: Callable[[int], None] | None
    ) -> None:
        with self._blobs.open(layer) as file:
            source = file if report is None else _Reported(file.read, report)
            with read_ahead(source, layer.digest) as stream:
                unpacked = unpack_layer(stream, str(part))
                if stream.drain() != diff_id:
                    raise ImageError(
                        "unpack layer", layer.digest, "its content does not match its diff id", "pull the image again"
                    )
        record = {"diff_id": diff_id, "size_bytes": unpacked.size_bytes, "skipped": unpacked.skipped}
        self._blobs.write_whole(self._record(chain_id), json.dumps(record).encode())

    def sweep(self, kept: frozenset[str], folders: frozenset[str]) -> dict[str, int]:
        """Remove unpacked layers that nothing needs, and debris; return sizes in bytes by chain id.

        The caller sees to it that no image is being put together meanwhile.

        Parameters
        ----------
        kept : frozenset of str
            Chain ids that images need.
        folders : frozenset of str
            Folders that containers need.
        """
        removed = {}
        for path in list(self._root.iterdir()):
            chain_id = f"sha256:{path.name}"
            if path.suffix == ".part":
                with contextlib.ExitStack() as stack:
                    if _lock(path, stack, wait=False):
                        remove_tree(str(path))
            elif path.suffix == ".json":
                if not path.with_suffix("").exists() and not path.with_suffix(".part").exists():
                    path.unlink(missing_ok=True)
            elif chain_id not in kept and str(path) not in folders:
                removed[chain_id] = self.size_bytes(chain_id) or 0
                part = path.with_suffix(".part")
                os.rename(path, part)  # so that half a layer never has a whole one's name
                self._record(chain_id).unlink(missing_ok=True)
                remove_tree(str(part))
        return removed

    def _record(self, chain_id: str) -> Path:
        return self.folder(chain_id).with_suffix(".json")


class _Reported:
    """A file whose reading is reported."""

    def __init__(self, read: Callable[[int], bytes], report: Callable[[int], None]) -> None:
        self._read = read
        self._report = report
        self._size_bytes = 0

    def read(self, size: int, /) -> bytes:
        data = self._read(size)
        self._size_bytes += len(data)
        self._report(self._size_bytes)
        return data


def _lock(folder: Path, stack: contextlib.ExitStack, *, wait: bool) -> bool:
    """Lock a folder until the stack is left; False when it is gone or another one's."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        stack.callback(os.close, descriptor)
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        return os.path.samestat(os.fstat(descriptor), os.stat(folder))
    except (FileNotFoundError, BlockingIOError):
        return False
