"""One file from one engine to another: saved here and read by skopeo and umoci, and the other way round."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import ImageError, NotFound
from runtime.image.archive import load, save
from runtime.image.store import ImageStore
from runtime.spec.reference import parse_reference
from tests.image.conftest import archive, make_image, noise


@pytest.fixture
def elsewhere(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "other")


def saved(store: ImageStore, *names: str) -> bytes:
    sink = io.BytesIO()
    save(store, names, sink)
    return sink.getvalue()


def test_what_is_saved_is_loaded_with_its_names_and_ids(store: ImageStore, elsewhere: ImageStore) -> None:
    one = make_image(store, "one:1", f=noise(1000))
    two = make_image(store, None, f=b"2")
    store.tag(parse_reference("127.0.0.1:5000/one:x"), one.manifest)
    data = saved(store, "one:1", two.id, "127.0.0.1:5000/one:x")
    loaded = load(elsewhere, io.BytesIO(gzip.compress(data)))
    assert [(entry.image, [r.familiar for r in entry.references]) for entry in loaded] == [
        (one, ["one:1", "127.0.0.1:5000/one:x"]), (two, []),
    ]  # fmt: skip
    assert elsewhere.check() == []
    assert saved(elsewhere, "one:1") == saved(store, "one:1")
    with pytest.raises(NotFound):
        saved(store, "three")


def test_skopeo_and_umoci_read_what_is_saved(store: ImageStore, run: Callable[..., str], tmp_path: Path) -> None:
    image = make_image(store, "app:1", etc__name=b"content")
    (tmp_path / "saved.tar").write_bytes(saved(store, "app:1"))
    for kind in ("docker-archive", "oci-archive"):
        said = json.loads(run("skopeo", "inspect", "--config", f"{kind}:{tmp_path}/saved.tar"))
        assert said["rootfs"]["diff_ids"] == list(image.config.diff_ids)
        run("skopeo", "copy", "-q", f"{kind}:{tmp_path}/saved.tar", f"oci:{tmp_path}/{kind}:x")
        run("umoci", "unpack", "--rootless", "--image", f"{tmp_path}/{kind}:x", f"{tmp_path}/{kind}-bundle")
        assert (tmp_path / f"{kind}-bundle/rootfs/etc/name").read_bytes() == b"content"


@pytest.mark.parametrize(("kind", "named"), [("docker-archive", True), ("oci-archive", True), ("oci-archive", False)])
def test_what_skopeo_writes_is_loaded(
    store: ImageStore, elsewhere: ImageStore, run: Callable[..., str], tmp_path: Path, kind: str, named: bool
) -> None:
    image = make_image(store, "app:1", etc__name=b"content")
    (tmp_path / "saved.tar").write_bytes(saved(store, "app:1"))
    target = f"{kind}:{tmp_path}/made.tar" + (":team/new:7" if named else "")
    run("skopeo", "copy", "-q", f"{kind}:{tmp_path}/saved.tar", target)
    with (tmp_path / "made.tar").open("rb") as file:
        (loaded,) = load(elsewhere, file)
    assert loaded.image.id == image.id
    assert [reference.familiar for reference in loaded.references] == (["team/new:7"] if named else [])
    (folder,) = elsewhere.layer_folders(loaded.image)
    assert (Path(folder) / "etc/name").read_bytes() == b"content"
    assert elsewhere.check() == []


def test_the_store_itself_is_a_layout_that_skopeo_reads(
    store: ImageStore, run: Callable[..., str], tmp_path: Path
) -> None:
    make_image(store, "app:1", f=b"1")
    run("skopeo", "inspect", f"oci:{tmp_path}/images:docker.io/library/app:1")


def rewritten(data: bytes, change: Callable[[tarfile.TarInfo, bytes], tuple[str, bytes] | None]) -> bytes:
    """An archive with some members changed or left out."""
    sink = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=sink, mode="w") as new:
        for member in old:
            content = old.extractfile(member)
            changed = change(member, content.read() if content else b"")
            if changed is not None:
                member.name, data = changed
                member.size = len(data)
                new.addfile(member, io.BytesIO(data))
    return sink.getvalue()


def test_an_archive_that_lies_or_lacks_something_is_refused(store: ImageStore, elsewhere: ImageStore) -> None:
    layer = make_image(store, "app:1", f=noise(3000)).layers[0].digest.removeprefix("sha256:")
    data = saved(store, "app:1")
    damaged = [
        rewritten(data, lambda m, c: (m.name, c + b"!") if layer in m.name else (m.name, c)),
        rewritten(data, lambda m, c: None if layer in m.name else (m.name, c)),
        rewritten(data, lambda m, c: None if m.name in ("index.json", "manifest.json") else (m.name, c)),
        rewritten(data, lambda m, c: (m.name, b"[]") if m.name == "index.json" else (m.name, c)),
        rewritten(data, lambda m, c: (m.name, b"{") if m.name == "index.json" else (m.name, c)),
        data[:4000],  # within the layer
        archive(hello=b"no image"),
        b"rubbish" * 1000,
        b"",
    ]
    for bad in damaged:
        with pytest.raises(ImageError):
            load(elsewhere, io.BytesIO(bad))
        assert elsewhere.images() == []
    elsewhere.prune(lambda view: False, list)
    assert elsewhere.check() == []
