"""Pull: a registry's image becomes one of the store's, its layers unpacked as they arrive."""

from __future__ import annotations

import platform as machine
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from runtime.errors import EngineError, ImageError
from runtime.image.auth import Credentials
from runtime.image.blobs import TruncatedError
from runtime.image.connection import ATTEMPTS, Registries, back_off
from runtime.image.progress import Progress, Report, Reporter, ignore
from runtime.image.registry import Document, Registry
from runtime.image.store import Image, ImageStore
from runtime.spec.digest import chain_ids
from runtime.spec.image import INDEXES, Descriptor, Manifest, Platform, parse_document, select_manifest
from runtime.spec.reference import DEFAULT_DOMAIN, Reference

PARALLEL = 3  # layers at once, as Docker


def pull(
    store: ImageStore,
    reference: Reference,
    registries: Registries,
    *,
    credentials: Credentials | None = None,
    platform: Platform | None = None,
    report: Report = ignore,
) -> Image:
    """Pull an image; what is there already is not fetched again.

    Parameters
    ----------
    reference : Reference
        By tag or by digest.
    registries : Registries
        How registries are reached; mirrors are asked first for images of Docker Hub.
    credentials : Credentials or None
        For the registry, given when it asks; never to a mirror.
    platform : Platform or None
        Which image of several to take; this machine's by default.
    report : callable
        Gets Docker's progress records, one at a time, from several threads.

    Raises
    ------
    NotFound, Unauthorized, Unavailable, ImageError
        The registry has no such image, refuses, or sends something that is not what its digest says. What was
        received whole, or in part, is kept for the next attempt.
    """
    mirrors = registries.mirrors if reference.domain == DEFAULT_DOMAIN else ()
    wanted = platform or Platform.of_machine(machine.machine())
    for mirror in mirrors:
        try:
            with Registry(reference.domain, registries, mirror=mirror) as registry:
                return _pull(store, registry, reference, wanted, report)
        except EngineError:
            continue  # a mirror need not have everything, nor be there
    with Registry(reference.domain, registries, credentials) as registry:
        return _pull(store, registry, reference, wanted, report)


def _pull(store: ImageStore, registry: Registry, reference: Reference, platform: Platform, report: Report) -> Image:
    with store.lease():
        top = registry.manifest(reference)
        report(Progress(f"Pulling from {reference.path}", reference.tag or str(reference.digest)))
        document = _choose(registry, reference, top, platform)
        manifest = Manifest.from_dict(parse_document(document.data, reference.familiar))
        store.put_blob(document.data, document.descriptor.media_type)
        fetch(store, registry, reference.path, manifest.config, lambda _size_bytes: None)
        image = store.image(document.descriptor)
        _receive_layers(store, registry, reference.path, image, report)
        before = store.find(reference)
        by_digest = Reference(reference.domain, reference.path, None, top.descriptor.digest)
        if reference.digest is None:
            store.tag(Reference(reference.domain, reference.path, reference.tag), document.descriptor)
        store.tag(by_digest, document.descriptor)
    report(Progress(f"Digest: {top.descriptor.digest}"))
    newer = before is None or before.id != image.id
    words = "Downloaded newer image for" if newer else "Image is up to date for"
    report(Progress(f"Status: {words} {reference.familiar}"))
    return image


def _choose(registry: Registry, reference: Reference, top: Document, platform: Platform) -> Document:
    """Follow an index to the manifest for a platform."""
    if top.descriptor.media_type not in INDEXES:
        return top
    chosen = select_manifest(parse_document(top.data, reference.familiar), platform)
    document = registry.manifest(reference, chosen.digest)
    if document.descriptor.media_type in INDEXES:
        raise ImageError("pull", reference.familiar, "an index within an index is not supported")
    return document


def _receive_layers(store: ImageStore, registry: Registry, path: str, image: Image, report: Report) -> None:
    """Fetch layers, some at once, and unpack each as soon as it and all below it are there."""
    reporter = Reporter(report)
    chain = chain_ids(image.config.diff_ids)
    missing = [
        index
        for index, (chain_id, layer) in enumerate(zip(chain, image.layers, strict=True))
        if not (store.blobs.has(layer) and store.unpacked.folder(chain_id).exists())
    ]
    for index, layer in enumerate(image.layers):
        reporter.tell("Pulling fs layer" if index in missing else "Already exists", layer)

    def receive(layer: Descriptor) -> None:
        fetch(store, registry, path, layer, partial(reporter.advance, "Downloading", layer))
        reporter.tell("Download complete", layer)

    with _workers(reporter) as workers:
        futures = {index: workers.submit(receive, image.layers[index]) for index in missing}
        for index, future in futures.items():
            layer = image.layers[index]
            future.result()
            extracting = partial(reporter.advance, "Extracting", layer)
            store.unpacked.unpack(layer, image.config.diff_ids[index], chain[index], extracting)
            reporter.tell("Pull complete", layer)


@contextmanager
def _workers(reporter: Reporter) -> Iterator[ThreadPoolExecutor]:
    """Threads that stop when the block fails."""
    with ThreadPoolExecutor(PARALLEL, "pull") as workers:
        try:
            yield workers
        except BaseException:
            reporter.stop()
            workers.shutdown(cancel_futures=True)
            raise


def fetch(
    store: ImageStore, registry: Registry, path: str, descriptor: Descriptor, report: Callable[[int], None]
) -> None:
    """Get a blob into the store, asking for the rest as often as the connection breaks while something arrives."""
    reached = idle = 0

    def note(size_bytes: int) -> None:
        nonlocal reached, idle
        if size_bytes > reached:
            reached, idle = size_bytes, 0
        report(size_bytes)

    while True:
        try:
            store.blobs.receive(descriptor, lambda offset: registry.blob(path, descriptor, offset), note)
            return
        except TruncatedError:
            if (idle := idle + 1) >= ATTEMPTS:
                raise
            back_off(idle)
