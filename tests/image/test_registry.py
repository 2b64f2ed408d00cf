"""Images go to a real registry and come back; what the registry refuses is said in Docker's words."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.errors import NotFound, Unauthorized, Unavailable
from runtime.image import connection
from runtime.image.auth import Credentials
from runtime.image.connection import Connection, Registries
from runtime.image.progress import Progress
from runtime.image.pull import pull
from runtime.image.push import push
from runtime.image.store import ImageStore
from runtime.spec.digest import sha256_digest
from runtime.spec.image import MEDIA_INDEX, Descriptor
from runtime.spec.reference import parse_reference
from tests.image.conftest import PASSWORD, USER, free_port, make_image, noise

PLAIN = Registries()


def other(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "other")


def test_what_was_pushed_is_pulled_by_tag_and_by_digest(store: ImageStore, registry: str, tmp_path: Path) -> None:
    made = make_image(store, f"{registry}/team/app:1", run=noise(9 << 20))  # three chunks of an upload
    sent: list[Progress] = []
    manifest = push(store, parse_reference(f"{registry}/team/app:1"), PLAIN, report=sent.append)
    assert sent[-1].to_dict()["aux"]["Digest"] == manifest.digest
    assert [p.current_bytes for p in sent if p.status == "Pushing"][-1] == made.layers[0].size_bytes

    got: list[Progress] = []
    elsewhere = other(tmp_path)
    image = pull(elsewhere, parse_reference(f"{registry}/team/app:1"), PLAIN, report=got.append)
    assert image == made
    assert image == pull(elsewhere, parse_reference(f"{registry}/team/app@{manifest.digest}"), PLAIN)
    (view,) = elsewhere.images()
    assert view.repo_tags == [f"{registry}/team/app:1"]
    assert view.repo_digests == [f"{registry}/team/app@{manifest.digest}"]
    told = [progress.status for progress in got]
    assert told[:2] == ["Pulling from team/app", "Pulling fs layer"]
    assert told[-4:-2] == ["Extracting", "Pull complete"]
    assert told[-1] == f"Status: Downloaded newer image for {registry}/team/app:1"

    again: list[Progress] = []
    pull(elsewhere, parse_reference(f"{registry}/team/app:1"), PLAIN, report=again.append)
    assert [progress.status for progress in again][1] == "Already exists"
    assert "up to date" in again[-1].status


def test_a_layer_that_the_registry_has_is_taken_over_not_sent_again(store: ImageStore, registry: str) -> None:
    make_image(store, f"{registry}/mount/a:1", run=noise(5000))
    push(store, parse_reference(f"{registry}/mount/a:1"), PLAIN)
    image = store.resolve(f"{registry}/mount/a:1")
    store.tag(parse_reference(f"{registry}/mount/b:1"), image.manifest)
    sent: list[Progress] = []
    push(store, parse_reference(f"{registry}/mount/b:1"), PLAIN, report=sent.append)
    assert "Mounted from mount/a" in [progress.status for progress in sent]
    push(store, parse_reference(f"{registry}/mount/b:1"), PLAIN, report=sent.append)
    assert "Layer already exists" in [progress.status for progress in sent]


def test_skopeo_reads_what_was_pushed_and_its_docker_schema_is_pulled(
    store: ImageStore, registry: str, run: Callable[..., str], tmp_path: Path
) -> None:
    made = make_image(store, f"{registry}/skopeo/app:1", run=noise(5000))
    push(store, parse_reference(f"{registry}/skopeo/app:1"), PLAIN)
    said = json.loads(run("skopeo", "inspect", "--tls-verify=false", f"docker://{registry}/skopeo/app:1"))
    assert said["Digest"] == made.digest

    flags = ("--src-tls-verify=false", "--dest-tls-verify=false", "--format=v2s2")
    for kind in ("gzip", "zstd"):
        where = f"docker://{registry}/skopeo/{kind}:1"
        form = ("--format=oci",) if kind == "zstd" else flags[2:]
        run("skopeo", "copy", "-q", *flags[:2], *form, f"--dest-compress-format={kind}", "--dest-compress",
            f"docker://{registry}/skopeo/app:1", where)  # fmt: skip
        image = pull(other(tmp_path / kind), parse_reference(f"{registry}/skopeo/{kind}:1"), PLAIN)
        assert image.config == made.config


def test_of_several_platforms_this_machines_is_taken(store: ImageStore, registry: str, tmp_path: Path) -> None:
    made = make_image(store, f"{registry}/multi:own", run=noise(2000))
    push(store, parse_reference(f"{registry}/multi:own"), PLAIN)
    foreign = make_image(store, f"{registry}/multi:foreign", run=noise(2000))
    push(store, parse_reference(f"{registry}/multi:foreign"), PLAIN)
    own = made.manifest.to_dict() | {"platform": {"os": "linux", "architecture": made.document["architecture"]}}
    strange = foreign.manifest.to_dict() | {"platform": {"os": "plan9", "architecture": "mips"}}
    data = json.dumps({"schemaVersion": 2, "mediaType": MEDIA_INDEX, "manifests": [strange, own]}).encode()
    reference = parse_reference(f"{registry}/multi:all")
    link = Connection(registry, insecure=True)
    link.ask("PUT", "v2/multi/manifests/all", "", headers={"Content-Type": MEDIA_INDEX}, body=data, expected=(201,))
    link.close()
    elsewhere = other(tmp_path)
    assert pull(elsewhere, reference, PLAIN) == made
    (view,) = elsewhere.images()
    assert view.repo_digests == [f"{registry}/multi@{sha256_digest(data)}"]  # what users pin is the index


def test_a_password_is_given_when_asked_for(store: ImageStore, locked_registry: str, tmp_path: Path) -> None:
    name = f"{locked_registry}/private/app:1"
    make_image(store, name, run=noise(2000))
    for wrong in (None, Credentials(USER, "wrong")):
        with pytest.raises(Unauthorized, match="unauthorized"):
            push(store, parse_reference(name), PLAIN, credentials=wrong)
    right = Credentials(USER, PASSWORD)
    push(store, parse_reference(name), PLAIN, credentials=right)
    with pytest.raises(Unauthorized):
        pull(other(tmp_path), parse_reference(name), PLAIN)
    assert pull(other(tmp_path), parse_reference(name), PLAIN, credentials=right).layers


def test_what_the_registry_does_not_have_is_not_found(store: ImageStore, registry: str) -> None:
    with pytest.raises(NotFound) as caught:
        pull(store, parse_reference(f"{registry}/no/such:1"), PLAIN)
    assert (caught.value.kind, caught.value.subject) == ("manifest", f"{registry}/no/such:1")


def test_a_mirror_is_asked_first_for_docker_hub_and_may_lack_the_image(
    store: ImageStore, registry: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_DOCKER_HUB", f"127.0.0.1:{free_port()}")  # nobody is there
    monkeypatch.setattr(connection, "_BACK_OFF_SECONDS", 0.001)
    make_image(store, f"{registry}/library/thing:1", run=noise(2000))
    push(store, parse_reference(f"{registry}/library/thing:1"), PLAIN)
    mirrored = Registries(mirrors=(f"http://127.0.0.1:{free_port()}", f"http://{registry}"))
    elsewhere = other(tmp_path)
    assert pull(elsewhere, parse_reference("thing:1"), mirrored) == store.resolve(f"{registry}/library/thing:1")
    assert "thing:1" in elsewhere.images()[0].repo_tags
    with pytest.raises(Unavailable):
        pull(elsewhere, parse_reference("lacking:1"), mirrored)


def test_only_loopback_and_listed_registries_are_spoken_to_unencrypted() -> None:
    assert Registries().is_insecure("127.8.9.1:5000")
    assert Registries().is_insecure("[::1]:5000")
    assert Registries().is_insecure("localhost")
    assert not Registries().is_insecure("registry.example:5000")
    assert not Registries().is_insecure("127.0.0.1.example")
    assert Registries(insecure=("registry.example:5000",)).is_insecure("registry.example:5000")
    assert not Registries(insecure=("registry.example:5000",)).is_insecure("registry.example")


def test_a_registry_that_is_not_running_is_unavailable(store: ImageStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_BACK_OFF_SECONDS", 0.001)
    with pytest.raises(Unavailable, match="connection refused"):
        pull(store, parse_reference(f"127.0.0.1:{free_port()}/x"), PLAIN)


def test_a_manifest_cannot_pretend_a_size(store: ImageStore, registry: str) -> None:
    made = make_image(store, f"{registry}/size:1", run=os.urandom(3000))
    short = Descriptor(made.layers[0].media_type, made.layers[0].digest, made.layers[0].size_bytes - 1)
    assert not store.blobs.has(short)
