"""A container's files without a mount: directories laid over each other, read as overlayfs would show them.

A directory is a *stack* of open directories, the topmost first. Names are only ever looked up in an open directory
and without following symbolic links, so nothing that a container made leads outside.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from runtime.errors import ImageError
from runtime.image.whiteout import is_opaque, is_whiteout

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def open_stack(folders: Sequence[str]) -> Iterator[list[int]]:
    """Open folders, the topmost first, until the block ends.

    Raises
    ------
    ImageError
        One cannot be opened.
    """
    with ExitStack() as stack:
        opened = []
        for folder in folders:
            try:
                opened.append(os.open(folder, _DIRECTORY))
            except OSError as error:
                raise ImageError("open layer", folder, str(error.strerror).lower()) from error
            stack.callback(os.close, opened[-1])
        yield opened


def status(stack: Sequence[int], name: str) -> tuple[os.stat_result, int] | None:
    """Look a name up; its status and the directory of the stack that it is in, or None."""
    for directory in stack:
        try:
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            continue
        return None if is_whiteout(found) else (found, directory)
    return None


@contextmanager
def descend(stack: Sequence[int], name: str) -> Iterator[list[int]]:
    """Open the stack of a directory below, until the block ends; empty when the name is no directory."""
    opened: list[int] = []
    try:
        for directory in stack:
            try:
                found = os.stat(name, dir_fd=directory, follow_symlinks=False)
                if not stat.S_ISDIR(found.st_mode):
                    break
                opened.append(os.open(name, _DIRECTORY, dir_fd=directory))
            except FileNotFoundError:
                continue
            if is_opaque(opened[-1]):
                break
        yield opened
    finally:
        for directory in opened:
            os.close(directory)


def names(stack: Sequence[int]) -> list[str]:
    """All names in a directory, in order; among them such as are gone, which `status` knows."""
    return sorted({name for directory in stack for name in os.listdir(directory)})
