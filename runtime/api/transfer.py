"""Images that come and go: pull, push, save, load, import. Threads do the work; progress comes back as lines."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from runtime.api.errors import words_of
from runtime.api.images import join_tag, publish, read_reference
from runtime.api.message import TAR, Answer, Request, Stream, encode_json, json_response
from runtime.api.router import route
from runtime.api.streams import encode_failure, encode_output
from runtime.api.threads import Download, Work
from runtime.errors import BadParameter, EngineError, NotFound, Unauthorized, Unsupported
from runtime.image.auth import parse_registry_auth
from runtime.spec.image import parse_document, parse_platform

if TYPE_CHECKING:  # imported in the functions: a daemon that never speaks to a registry does without its client
    from runtime.image.archive import Loaded
    from runtime.image.progress import Progress

Give = Callable[[bytes], None]


@route("POST", "/images/create")
async def create(request: Request) -> Answer:
    """Pull an image (``fromImage``), or make one of an archive in the request's body (``fromSrc=-``)."""
    if request.query.text("fromSrc"):
        return _import(request)
    return _pull(request)


def _pull(request: Request) -> Answer:
    engine, query = request.engine, request.query
    name = query.text("fromImage")
    if not name:
        raise BadParameter("pull", "", "fromImage or fromSrc is required")
    reference = read_reference(join_tag(name, query.text("tag")))
    credentials = parse_registry_auth(request.headers.get("x-registry-auth", ""))
    platform = parse_platform(query.text("platform")) if query.text("platform") else None

    def function(give: Give) -> None:
        from runtime.image.pull import pull

        try:
            report = _report_to(give)
            pull(engine.images, reference, engine.registries, credentials=credentials, platform=platform, report=report)
        except Unauthorized as error:
            if credentials is None:
                raise NotFound("repository", reference.name) from error
            raise

    def then() -> None:
        publish(engine, "pull", reference.familiar, {"name": reference.familiar.partition(":")[0]})

    return Stream(_lines(Work(function), then), at_once=False)


def _import(request: Request) -> Answer:
    engine, query = request.engine, request.query
    source, repository = query.text("fromSrc"), query.text("repo")
    if source != "-":
        hint = "fetch it first: curl -L URL | docker import - NAME"
        raise Unsupported("import", source, "importing from an address is not supported: send the archive", hint)
    reference = read_reference(join_tag(repository, query.text("tag"))) if repository else None
    changes, message = query.texts("changes"), query.text("message")
    made: list[str] = []

    def function(give: Give) -> None:
        from runtime.image.compose import import_image

        image = import_image(engine.images, upload, reference, changes=changes, message=message)
        made.append(image.id)
        give(encode_json({"status": image.id}))

    def then() -> None:
        publish(engine, "import", made[0], {"name": reference.familiar if reference else made[0]})

    work: Work[bytes] = Work(function)
    upload = work.upload(request.body)
    return Stream(_lines(work, then), at_once=False)


@route("POST", "/images/{name:path}/push")
async def push(request: Request) -> Answer:
    """Push one tag of an image, or all tags of its repository when none is named."""
    engine = request.engine
    tag = request.query.text("tag")
    wanted = read_reference(join_tag(request.params["name"], tag))
    credentials = parse_registry_auth(request.headers.get("x-registry-auth", ""))
    references = [wanted]
    if not tag and ":" not in request.params["name"].rpartition("/")[2]:
        named = (entry.reference for entry in engine.images.names.read())
        references = [name for name in named if name is not None and name.tag and name.name == wanted.name]
    if not references or engine.images.find(references[0]) is None:
        raise NotFound("image to push", replace(wanted, tag=None).familiar)

    def function(give: Give) -> None:
        from runtime.image.push import push

        for reference in references:
            push(engine.images, reference, engine.registries, credentials=credentials, report=_report_to(give))

    def then() -> None:
        for reference in references:
            publish(engine, "push", reference.familiar, {"name": reference.familiar.partition(":")[0]})

    return Stream(_lines(Work(function), then), at_once=False)


@route("GET", "/images/get")
async def save(request: Request) -> Answer:
    """Send images as one archive."""
    return _save(request, [name for names in request.query.texts("names") for name in names.split(",") if name])


@route("GET", "/images/{name:path}/get")
async def save_one(request: Request) -> Answer:
    """Send one image as an archive."""
    return _save(request, [request.params["name"]])


def _save(request: Request, names: list[str]) -> Answer:
    engine = request.engine

    def function(give: Give) -> None:
        from runtime.image.archive import save

        sink = Download(give)
        save(engine.images, names, sink)
        sink.flush()

    return Stream(Work(function).results(), TAR, at_once=False)


@route("POST", "/images/load")
async def load(request: Request) -> Answer:
    """Take the images out of an archive in the request's body."""
    engine = request.engine
    loaded: list[Loaded] = []

    def function(give: Give) -> None:
        from runtime.image.archive import load

        loaded.extend(load(engine.images, upload))
        for one in loaded:
            for reference in one.references:
                give(encode_output(f"Loaded image: {reference.familiar}\n"))
            if not one.references:
                give(encode_output(f"Loaded image ID: {one.image.id}\n"))

    def then() -> None:
        for one in loaded:
            publish(engine, "load", one.image.id, {"name": one.image.id})

    work: Work[bytes] = Work(function)
    upload = work.upload(request.body)
    return Stream(_lines(work, then), at_once=False)


@route("GET", "/distribution/{name:path}/json")
async def distribution(request: Request) -> Answer:
    """Tell what a registry has under a name, without pulling it."""
    registries = request.engine.registries
    reference = read_reference(request.params["name"])
    credentials = parse_registry_auth(request.headers.get("x-registry-auth", ""))

    def ask() -> dict[str, Any]:
        from runtime.image.registry import Registry

        with Registry(reference.domain, registries, credentials) as registry:
            found = registry.manifest(reference)
        entries = parse_document(found.data, reference.familiar).get("manifests") or ()
        platforms = [entry["platform"] for entry in entries if "platform" in entry]
        return {"Descriptor": found.descriptor.to_dict(), "Platforms": platforms}

    return json_response(await asyncio.to_thread(ask))


def _report_to(give: Give) -> Callable[[Progress], None]:
    return lambda progress: give(encode_json(progress.to_dict()))


async def _lines(work: Work[bytes], then: Callable[[], Any]) -> AsyncGenerator[bytes, None]:
    """Yield lines of progress; an error after the first of them becomes the last."""
    begun = False
    try:
        async with contextlib.aclosing(work.results()) as lines:
            async for line in lines:
                begun = True
                yield line
    except EngineError as error:
        if not begun:
            raise
        yield encode_failure(words_of(error))
    else:
        then()
