"""What a container changed: the list of ``docker diff``, the layer of a commit, and the whole tree of an export."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from runtime.errors import ImageError
from runtime.image.packing import TreeWriter, Writable, tree_writer
from runtime.image.tree import descend, names, open_stack, status
from runtime.image.whiteout import is_opaque, is_whiteout


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """One difference.

    Attributes
    ----------
    path : str
        Absolute, inside the container.
    kind : {"C", "A", "D"}
        Changed, added, deleted.
    """

    path: str
    kind: Literal["C", "A", "D"]

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form of the Docker Engine API."""
        return {"Path": self.path, "Kind": "CAD".index(self.kind)}


def list_changes(upper: str, layers: Sequence[str]) -> list[Change]:
    """List what a writable layer changes, by Docker's rules (moby, pkg/archive/changes.go), in order of path.

    Parameters
    ----------
    upper : str
        The writable layer.
    layers : sequence of str
        What it is mounted over, the topmost first.

    Raises
    ------
    ImageError
        A layer cannot be read.
    """
    changes: dict[str, Change] = {}
    with open_stack([upper]) as (top,), open_stack(layers) as below:
        try:
            _compare(top, below, "", changes)
        except (OSError, RecursionError) as error:
            raise ImageError("compare layer", upper, str(error).lower()) from error
    return sorted(changes.values())


def _compare(top: int, below: Sequence[int], path: str, changes: dict[str, Change]) -> None:
    for name in os.listdir(top):
        try:
            own = os.stat(name, dir_fd=top, follow_symlinks=False)
        except FileNotFoundError:  # the container runs
            continue
        covered = status(below, name)
        full = f"{path}/{name}"
        if is_whiteout(own):
            changes[full] = Change(full, "D")
        elif covered is None:
            changes[full] = Change(full, "A")
        elif not (stat.S_ISDIR(own.st_mode) and _same(own, covered[0])):
            changes[full] = Change(full, "C")
        if path and full in changes and changes[full].kind != "C":
            changes.setdefault(path, Change(path, "C"))
        if stat.S_ISDIR(own.st_mode):
            with descend([top], name) as opened, descend(below, name) as beneath:
                for directory in opened:
                    _compare(directory, [] if is_opaque(directory) else beneath, full, changes)


def _same(one: os.stat_result, other: os.stat_result) -> bool:
    """Whether a directory was copied up only because something in it was opened for writing."""
    return all(getattr(one, field) == getattr(other, field) for field in ("st_mode", "st_uid", "st_gid", "st_mtime_ns"))


def pack_changes(upper: str, layers: Sequence[str], sink: Writable) -> None:
    """Write a writable layer as a layer of an image: a tar archive with whiteouts (image-spec layer.md).

    Raises
    ------
    ImageError
        A file cannot be read, or changes while it is read.
    """
    with open_stack([upper]) as (top,), open_stack(layers) as below, tree_writer(sink, upper) as writer:
        _pack_changes(writer, top, below, "")


def _pack_changes(writer: TreeWriter, top: int, below: Sequence[int], path: str) -> None:
    for name in names([top]):
        own = os.stat(name, dir_fd=top, follow_symlinks=False)
        full = f"{path}{name}"
        if is_whiteout(own):
            writer.whiteout(full)
            continue
        writer.add(top, name, full)
        if stat.S_ISDIR(own.st_mode):
            with descend([top], name) as opened, descend(below, name) as beneath:
                for directory in opened:
                    opaque = is_opaque(directory)
                    if opaque and beneath:
                        writer.opaque(full)
                    _pack_changes(writer, directory, [] if opaque else beneath, f"{full}/")


def export_tree(layers: Sequence[str], sink: Writable) -> None:
    """Write all files of a container as one tar archive.

    Parameters
    ----------
    layers : sequence of str
        The writable layer, then those below it, the topmost first.

    Raises
    ------
    ImageError
        A file cannot be read, or changes while it is read.
    """
    with open_stack(layers) as stack, tree_writer(sink, layers[0]) as writer:
        _export(writer, stack, "")


def _export(writer: TreeWriter, stack: Sequence[int], path: str) -> None:
    for name in names(stack):
        found = status(stack, name)
        if found is None:
            continue
        own, directory = found
        writer.add(directory, name, f"{path}{name}")
        if stat.S_ISDIR(own.st_mode):
            with descend(stack, name) as below:
                _export(writer, below, f"{path}{name}/")
