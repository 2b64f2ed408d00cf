"""Images that are here: list, inspect, history, tag, remove, prune. `runtime.api.transfer` moves them in and out."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase

from runtime.api.engine import Engine
from runtime.api.message import Answer, Request, Response, json_response
from runtime.api.moments import parse_moment_ns
from runtime.api.query import Filters
from runtime.api.router import route
from runtime.engine.events import Event
from runtime.errors import BadParameter, ImageError
from runtime.image.removal import ImageUse
from runtime.image.store import Removed
from runtime.spec.imageview import ImageView, history_document, inspect_document, summary_document
from runtime.spec.reference import Reference, parse_reference

LIST_FILTERS = frozenset({"before", "dangling", "label", "reference", "since", "until"})
PRUNE_FILTERS = frozenset({"dangling", "label", "label!", "until"})


@route("GET", "/images/json")
async def list_images(request: Request) -> Answer:
    """List images, the newest first."""
    filters = request.query.filters(LIST_FILTERS)
    store = request.engine.images
    edges = {
        name: [view.created_seconds for view in [await _view(request.engine, text) for text in filters[name]]]
        for name in ("before", "since")
        if name in filters
    }
    views = await asyncio.to_thread(store.images)
    now_ns = time.time_ns()
    shown = (_with_matching_names(view, filters.get("reference", ())) for view in views)
    return json_response(
        [
            summary_document(view)
            for view in shown
            if view is not None
            and _passes(view, filters, now_ns)
            and all(view.created_seconds < edge for edge in edges.get("before", ()))
            and all(view.created_seconds > edge for edge in edges.get("since", ()))
        ]
    )


@route("GET", "/images/search")
async def search(request: Request) -> Answer:
    """Find nothing: registries of the distribution API cannot be searched."""
    return json_response([])


@route("GET", "/images/{name:path}/json")
async def inspect(request: Request) -> Answer:
    """Describe one image."""
    return json_response(inspect_document(await _view(request.engine, request.params["name"])))


@route("GET", "/images/{name:path}/history")
async def history(request: Request) -> Answer:
    """Tell the steps that made an image, the newest first."""
    return json_response(history_document(await _view(request.engine, request.params["name"])))


@route("POST", "/images/{name:path}/tag")
async def tag(request: Request) -> Answer:
    """Give an image one more name."""
    name = read_reference(join_tag(request.query.text("repo"), request.query.text("tag")))
    if name.digest is not None:
        raise BadParameter("tag image", str(name), "refusing to create a tag with a digest reference")
    image = await asyncio.to_thread(request.engine.images.resolve, request.params["name"])
    await asyncio.to_thread(request.engine.images.tag, name, image.manifest)
    publish(request.engine, "tag", image.id, {"name": name.familiar})
    return Response(201)


@route("DELETE", "/images/{name:path}")
async def remove(request: Request) -> Answer:
    """Remove a name of an image, and the image with its last name."""
    name, force = request.params["name"], request.query.flag("force")
    engine = request.engine
    uses = _uses_on_loop(engine)
    image = await asyncio.to_thread(engine.images.resolve, name)
    removed = await asyncio.to_thread(lambda: engine.images.remove(name, force=force, uses=uses))
    _publish_removed(engine, removed, image.id)
    return json_response(list(removed.records))


@route("POST", "/images/prune")
async def prune(request: Request) -> Answer:
    """Remove images without a tag, or with ``dangling=false`` all that no container uses."""
    filters = request.query.filters(PRUNE_FILTERS)
    engine = request.engine
    now_ns = time.time_ns()
    chosen = {"dangling": ("true",), **filters}
    if not _is_true(chosen["dangling"]):
        del chosen["dangling"]
    uses = _uses_on_loop(engine)
    removed = await asyncio.to_thread(engine.images.prune, lambda view: _passes(view, chosen, now_ns), uses)
    _publish_removed(engine, removed, "")
    publish(engine, "prune", "", {"reclaimed": str(removed.reclaimed_bytes)})
    return json_response({"ImagesDeleted": list(removed.records) or None, "SpaceReclaimed": removed.reclaimed_bytes})


def read_reference(text: str) -> Reference:
    """Parse what a client names an image; what cannot be a name is the client's fault.

    Raises
    ------
    BadParameter
        Not a reference.
    """
    try:
        return parse_reference(text)
    except ImageError as error:
        lower = any(letter.isupper() for letter in text.rpartition("@")[0] or text.rpartition(":")[0] or text)
        reason = "invalid reference format" + (": repository name must be lowercase" if lower else "")
        raise BadParameter(error.operation, text, reason, error.hint) from error


def join_tag(repository: str, tag_or_digest: str) -> str:
    """Join what clients send apart.

    Examples
    --------
    >>> join_tag("busybox", "1.36"), join_tag("busybox:1.36", ""), join_tag("busybox", "sha256:00")
    ('busybox:1.36', 'busybox:1.36', 'busybox@sha256:00')
    """
    if not tag_or_digest:
        return repository
    return f"{repository}{'@' if ':' in tag_or_digest else ':'}{tag_or_digest}"


def publish(engine: Engine, action: str, subject: str, attributes: dict[str, str]) -> None:
    """Tell that something happened to an image."""
    engine.events.publish(Event("image", action, subject, attributes))


def _publish_removed(engine: Engine, removed: Removed, image_id: str) -> None:
    for record in removed.records:
        for kind, subject in record.items():
            if kind == "Untagged":
                publish(engine, "untag", image_id or subject, {"name": image_id or subject})
            elif image_id in ("", subject):
                publish(engine, "delete", subject, {"name": subject})


async def _view(engine: Engine, name: str) -> ImageView:
    return await asyncio.to_thread(lambda: engine.images.view(engine.images.resolve(name)))


def _uses_on_loop(engine: Engine) -> Callable[[], Sequence[ImageUse]]:
    """Let a thread ask the engine which containers use images, in the event loop where containers change."""
    loop = asyncio.get_running_loop()

    async def ask() -> Sequence[ImageUse]:
        return engine.image_uses()

    return lambda: asyncio.run_coroutine_threadsafe(ask(), loop).result()


def _with_matching_names(view: ImageView, patterns: tuple[str, ...]) -> ImageView | None:
    """Keep the names that a pattern matches; None when there were some to match and none did."""
    if not patterns:
        return view
    kept = tuple(name for name in view.references if any(_matches(name, pattern) for pattern in patterns))
    return replace(view, references=kept) if kept else None


def _matches(name: Reference, pattern: str) -> bool:
    """Match a whole familiar name, with or without its tag; a star does not match a slash."""
    repository = replace(name, tag=None, digest=None).familiar
    return any(
        candidate.count("/") == pattern.count("/")
        and all(fnmatchcase(*parts) for parts in zip(candidate.split("/"), pattern.split("/"), strict=True))
        for candidate in (name.familiar, repository)
    )


def _passes(view: ImageView, filters: Filters, now_ns: int) -> bool:
    if "dangling" in filters and _is_true(filters["dangling"]) == bool(view.repo_tags):
        return False
    if not all(_has_label(view, wanted) for wanted in filters.get("label", ())):
        return False
    if any(_has_label(view, unwanted) for unwanted in filters.get("label!", ())):
        return False
    return all(view.created_seconds * 10**9 < parse_moment_ns(text, now_ns) for text in filters.get("until", ()))


def _is_true(values: tuple[str, ...]) -> bool:
    """Read a filter that is a boolean.

    Raises
    ------
    BadParameter
        Neither true nor false.
    """
    word = values[0].lower() if len(values) == 1 else ""
    if word not in ("1", "true", "t", "0", "false", "f"):
        raise BadParameter("read filter", "dangling", f"Invalid filter 'dangling={list(values)}'")
    return word in ("1", "true", "t")


def _has_label(view: ImageView, wanted: str) -> bool:
    name, equals, value = wanted.partition("=")
    return name in view.labels and (not equals or view.labels[name] == value)
