"""Connections break, content is wrong, registries are busy, pulls are killed: the store stays whole, and goes on."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from runtime.errors import ImageError, Unauthorized, Unavailable
from runtime.image import connection
from runtime.image.connection import Registries, retry_after_seconds
from runtime.image.pull import pull
from runtime.image.store import Image, ImageStore
from runtime.spec.image import Descriptor
from runtime.spec.reference import parse_reference
from tests.image.conftest import Server, make_image, noise

PLAIN = Registries()
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_BACK_OFF_SECONDS", 0.001)


@pytest.fixture
def image(store: ImageStore) -> Image:
    return make_image(store, "thing:1", run=noise(300_000))


@pytest.fixture
def elsewhere(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "other")


def asked(server: Server, image: Image) -> list[str]:
    """Ranges that were asked of the layer."""
    return [wanted for digest, wanted in server.asked if digest == image.layers[0].digest]


def test_a_download_that_breaks_off_is_continued(
    store: ImageStore, elsewhere: ImageStore, server: Server, image: Image
) -> None:
    name = server.serve(image, store)
    server.drop_after = [100_000, 50_000]
    assert pull(elsewhere, parse_reference(name), PLAIN).id == image.id
    assert asked(server, image) == ["", "bytes=100000-", "bytes=150000-"]
    assert elsewhere.check() == []


def test_a_server_that_cannot_continue_sends_all_again(
    store: ImageStore, elsewhere: ImageStore, server: Server, image: Image
) -> None:
    name = server.serve(image, store)
    server.drop_after, server.ranges = [100_000], False
    assert pull(elsewhere, parse_reference(name), PLAIN).id == image.id
    assert elsewhere.check() == []


def test_what_a_failed_pull_got_is_kept_for_the_next(
    store: ImageStore, elsewhere: ImageStore, server: Server, image: Image, tmp_path: Path
) -> None:
    name = server.serve(image, store)
    server.drop_after = [200_000] + [0] * connection.ATTEMPTS
    with pytest.raises(ImageError, match="ended after 200000 of"):
        pull(elsewhere, parse_reference(name), PLAIN)
    assert elsewhere.images() == []
    assert elsewhere.check() == []
    server.asked.clear()
    server.drop_after.clear()
    pull(elsewhere, parse_reference(name), PLAIN)
    assert asked(server, image) == ["bytes=200000-"]
    assert list((tmp_path / "other/parts").iterdir()) == []


@pytest.mark.parametrize("which", ["layer", "config"])
def test_content_that_does_not_match_its_digest_is_thrown_away(
    store: ImageStore, elsewhere: ImageStore, server: Server, image: Image, which: str, tmp_path: Path
) -> None:
    name = server.serve(image, store)
    digest = image.layers[0].digest if which == "layer" else image.id
    server.blobs[digest] = server.blobs[digest][:-1] + bytes([server.blobs[digest][-1] ^ 1])
    with pytest.raises(ImageError, match="does not match the digest"):
        pull(elsewhere, parse_reference(name), PLAIN)
    assert elsewhere.images() == []
    assert not (tmp_path / "other/blobs/sha256" / digest.removeprefix("sha256:")).exists()
    assert list((tmp_path / "other/layers").iterdir()) == list((tmp_path / "other/parts").iterdir()) == []


def test_a_damaged_rest_of_an_earlier_attempt_does_not_spoil_the_next(
    store: ImageStore, elsewhere: ImageStore, server: Server, image: Image, tmp_path: Path
) -> None:
    name = server.serve(image, store)
    (tmp_path / "other/parts" / image.layers[0].digest.removeprefix("sha256:")).write_bytes(bytes(1000))
    assert pull(elsewhere, parse_reference(name), PLAIN).id == image.id
    assert asked(server, image) == ["bytes=1000-", ""]


def test_a_busy_registry_is_asked_again_and_a_limit_is_said_with_its_wait(
    store: ImageStore, elsewhere: ImageStore, server: Server, image: Image
) -> None:
    name = parse_reference(server.serve(image, store))
    server.answers = [(503, {}), (500, {}), (502, {})]
    assert pull(elsewhere, name, PLAIN).id == image.id
    server.answers = [(429, {"Retry-After": "30"})]
    with pytest.raises(Unavailable, match=r"toomanyrequests.*try again in 30 s"):
        pull(elsewhere, name, PLAIN)
    server.answers = [(503, {})] * connection.ATTEMPTS
    with pytest.raises(Unavailable, match="answered 503"):
        pull(elsewhere, name, PLAIN)


def test_a_registry_that_denies_is_quoted(
    store: ImageStore, elsewhere: ImageStore, server: Server, image: Image
) -> None:
    name = parse_reference(server.serve(image, store))
    server.answers = [(403, {"Body": '{"errors": [{"code": "DENIED", "message": "requested access is denied"}]}'})]
    with pytest.raises(Unauthorized, match="denied: requested access is denied"):
        pull(elsewhere, name, PLAIN)


def test_the_wait_may_be_a_date() -> None:
    assert retry_after_seconds("120") == 120
    assert retry_after_seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert retry_after_seconds("soon") is None


def test_pulls_of_one_image_at_once_download_it_once(
    store: ImageStore, elsewhere: ImageStore, server: Server, image: Image, tmp_path: Path
) -> None:
    name = server.serve(image, store)
    threads = [threading.Thread(target=pull, args=(elsewhere, parse_reference(name), PLAIN)) for _ in range(4)]
    processes = [subprocess.Popen(puller(tmp_path / "other", name), cwd=ROOT) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [process.wait() for process in processes] == [0, 0]
    assert asked(server, image) == [""]
    assert elsewhere.check() == []
    assert len(elsewhere.images()) == 1


def test_a_blob_that_arrives_between_the_look_and_the_lock_is_not_got_again(
    store: ImageStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    descriptor = ImageStore(tmp_path / "apart").put_blob(b"content", "text/plain")
    look, looked = store.blobs.has, []

    def has(wanted: Descriptor) -> bool:
        if looked:
            return look(wanted)
        looked.append(wanted)
        store.put_blob(b"content", "text/plain")  # another pull, just now
        return False

    monkeypatch.setattr(store.blobs, "has", has)
    assert store.blobs.receive(descriptor, lambda offset: pytest.fail("it was got again"), lambda done: None) is False
    assert store.check() == []


def puller(root: Path, name: str) -> list[str]:
    """Command of another process that pulls."""
    script = (
        "import sys; from pathlib import Path; from runtime.image.store import ImageStore\n"
        "from runtime.image.pull import pull; from runtime.image.connection import Registries\n"
        "from runtime.spec.reference import parse_reference\n"
        "print('ready', flush=True)\n"
        "pull(ImageStore(Path(sys.argv[1])), parse_reference(sys.argv[2]), Registries())\n"
    )
    return [sys.executable, "-c", script, str(root), name]


def test_a_pull_killed_at_any_moment_leaves_a_whole_store(store: ImageStore, server: Server, tmp_path: Path) -> None:
    image = make_image(store, "thing:1", **{f"file{number}": noise(20_000) for number in range(200)})
    name = server.serve(image, store)
    root = tmp_path / "killed"
    moments = random.Random(7)
    begun = 0
    for _ in range(12):
        process = subprocess.Popen(puller(root, name), cwd=ROOT, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        time.sleep(moments.uniform(0, 0.12))
        process.kill()
        process.wait()
        process.stdout.close()
        killed = ImageStore(root)
        assert killed.check() == []
        begun += bool(list(root.glob("parts/*")) or list(root.glob("layers/*")))
    assert begun
    assert pull(ImageStore(root), parse_reference(name), PLAIN).id == image.id
    survivor = ImageStore(root)
    survivor.prune(lambda view: False, list)
    assert survivor.check() == []
    assert list(root.glob("parts/*")) == list(root.glob("layers/*.part")) == []
    assert len(list(root.glob("blobs/sha256/*"))) == 3
