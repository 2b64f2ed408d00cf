"""What removing an image takes away, by Docker's rules (moby, daemon/images/image_delete.go). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from runtime.errors import Conflict
from runtime.spec.imageview import ImageView
from runtime.spec.reference import Reference

_SHOWN_DIGITS = 12


@dataclass(frozen=True, slots=True)
class ImageUse:
    """A container that needs an image.

    Attributes
    ----------
    container_id, image_id : str
        In full; the image's is a digest.
    running : bool
        A stopped container's image can be removed by force: its layers stay, its name goes.
    folders : tuple of str
        Unpacked layers that the container is mounted from.
    """

    container_id: str
    image_id: str
    running: bool
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Removal:
    """What to take away.

    Attributes
    ----------
    untagged : tuple of Reference
        Names.
    deleted : bool
        Whether the image goes too.
    """

    untagged: tuple[Reference, ...]
    deleted: bool


def plan_removal(view: ImageView, reference: Reference | None, *, force: bool, uses: Sequence[ImageUse]) -> Removal:
    """Decide what removing an image takes away.

    Parameters
    ----------
    view : ImageView
        The image.
    reference : Reference or None
        The name that was given; None when it was an id.
    force : bool
        Remove all names of an image, or one that a stopped container uses.
    uses : sequence of ImageUse
        All containers.

    Raises
    ------
    Conflict
        A container uses it, or it has other names, in Docker's words.
    """
    users = [use for use in uses if use.image_id == view.image_id]
    if reference is None:
        if not force and not _is_single(view.references):
            raise _conflict(view, "must be forced", "image is referenced in multiple repositories")
        _refuse_if_used(view, users, force=force)
        return Removal(_ordered(view.references), deleted=True)
    if users and not force and _is_single(view.references):
        reason = (
            f'conflict: unable to remove repository reference "{reference.familiar}" (must force) - container '
            f"{_short(users[0].container_id)} is using its referenced image {_short(view.image_id)}"
        )
        raise Conflict("remove image", reference.familiar, reason, "remove the container first")
    untagged = [reference]
    rest = [other for other in view.references if other != reference]
    if reference.tag and not any(other.tag and other.name == reference.name for other in rest):
        untagged += [other for other in rest if other.name == reference.name]  # digests go with the last tag
    if set(view.references) - set(untagged):
        return Removal(tuple(untagged), deleted=False)
    return Removal(tuple(untagged), deleted=not any(use.running for use in users))


def _refuse_if_used(view: ImageView, users: Sequence[ImageUse], *, force: bool) -> None:
    for use in sorted(users, key=lambda use: not use.running):
        if use.running:
            what = f"image is being used by running container {_short(use.container_id)}"
            raise _conflict(view, "cannot be forced", what)
        if not force:
            what = f"image is being used by stopped container {_short(use.container_id)}"
            raise _conflict(view, "must be forced", what)


def _conflict(view: ImageView, force: str, what: str) -> Conflict:
    shown = _short(view.image_id)
    return Conflict("remove image", shown, f"conflict: unable to delete {shown} ({force}) - {what}")


def _is_single(references: Sequence[Reference]) -> bool:
    """Whether there is at most one tag, and every digest belongs to the same repository."""
    return sum(bool(r.tag) for r in references) <= 1 and len({r.name for r in references}) <= 1


def _ordered(references: Sequence[Reference]) -> tuple[Reference, ...]:
    return tuple(sorted(references, key=lambda reference: (not reference.tag, str(reference))))


def _short(identifier: str) -> str:
    return identifier.removeprefix("sha256:")[:_SHOWN_DIGITS]
