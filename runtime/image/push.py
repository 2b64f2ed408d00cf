"""Push: an image of the store goes to a registry, its layers only where the registry does not have them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from runtime.errors import NotFound
from runtime.image.auth import Credentials
from runtime.image.connection import Registries
from runtime.image.progress import Progress, Report, Reporter, ignore
from runtime.image.registry import Document, Registry
from runtime.image.store import Image, ImageStore
from runtime.spec.image import Descriptor, Manifest, parse_document
from runtime.spec.reference import Reference

PARALLEL = 3  # layers at once


def push(
    store: ImageStore,
    reference: Reference,
    registries: Registries,
    *,
    credentials: Credentials | None = None,
    report: Report = ignore,
) -> Descriptor:
    """Push what a reference names to the registry that it names, and return what points at the manifest there.

    Layers are looked for in the repository, then taken over from another repository of the registry that the store
    knows to have them, then uploaded.

    Raises
    ------
    NotFound
        The store has no such image.
    Unauthorized, Unavailable, ImageError
        The registry refuses, or a blob cannot be read.
    """
    image = store.find(reference)
    if image is None:
        raise NotFound("image", reference.familiar)
    report(Progress(f"The push refers to repository [{reference.name}]"))
    data = store.read_blob(image.manifest)
    with store.lease(), Registry(reference.domain, registries, credentials) as registry:
        _send_layers(store, registry, reference, image, report)
        config = Manifest.from_dict(parse_document(data, image.digest)).config
        if not registry.has_blob(reference.path, config):
            with store.blobs.open(config) as file:
                registry.upload(reference.path, config, file, lambda _size_bytes: None)
        registry.put_manifest(reference, Document(image.manifest, data))
    store.tag(Reference(reference.domain, reference.path, None, image.digest), image.manifest)
    tag = reference.tag or image.digest
    report(Progress(f"{tag}: digest: {image.digest} size: {len(data)}"))
    report(Progress("", aux={"Tag": tag, "Digest": image.digest, "Size": len(data)}))
    return image.manifest


def _send_layers(store: ImageStore, registry: Registry, reference: Reference, image: Image, report: Report) -> None:
    reporter = Reporter(report)
    layers = list({layer.digest: layer for layer in image.layers}.values())
    sources = _repositories_with(store, reference)
    for layer in layers:
        reporter.tell("Preparing", layer)

    def send(layer: Descriptor) -> None:
        if registry.has_blob(reference.path, layer):
            reporter.tell("Layer already exists", layer)
            return
        for source in sources.get(layer.digest, ()):
            if registry.mount(reference.path, layer, source):
                reporter.tell(f"Mounted from {source}", layer)
                return
        with store.blobs.open(layer) as file:
            registry.upload(reference.path, layer, file, partial(reporter.advance, "Pushing", layer))
        reporter.tell("Pushed", layer)

    with ThreadPoolExecutor(PARALLEL, "push") as workers:
        try:
            for future in [workers.submit(send, layer) for layer in layers]:
                future.result()
        except BaseException:
            reporter.stop()
            workers.shutdown(cancel_futures=True)
            raise


def _repositories_with(store: ImageStore, reference: Reference) -> dict[str, list[str]]:
    """Other repositories of the same registry that should have a layer, by its digest: images came from there."""
    found: dict[str, list[str]] = {}
    for named in store.names.read():
        other = named.reference
        if other is None or other.tag or other.domain != reference.domain or other.path == reference.path:
            continue
        for layer in store.image(named.manifest).layers:
            found.setdefault(layer.digest, []).append(other.path)
    return found
