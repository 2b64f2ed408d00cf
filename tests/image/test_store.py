"""Names come and go by Docker's rules; content goes with its last name, unless somebody needs it."""

from __future__ import annotations

import io
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from runtime.errors import BadParameter, Conflict, ImageError, NotFound
from runtime.image.compose import import_image
from runtime.image.removal import ImageUse
from runtime.image.store import Image, ImageStore
from runtime.spec.imageview import ImageView, history_document, inspect_document, summary_document
from runtime.spec.reference import Reference, parse_reference
from tests.image.conftest import archive, make_image


def nobody() -> list[ImageUse]:
    return []


def remove(store: ImageStore, name: str, *, force: bool = False, uses: list[ImageUse] | None = None) -> list[str]:
    """What ``docker rmi`` prints."""
    removed = store.remove(name, force=force, uses=lambda: uses or [])
    return [f"{kind}: {name}" for record in removed.records for kind, name in record.items()]


def use(store: ImageStore, image: Image, *, running: bool) -> ImageUse:
    return ImageUse("c" * 64, image.id, running, store.layer_folders(image))


def untagged(view: ImageView) -> bool:
    return not view.repo_tags


def test_an_image_is_found_by_tag_by_digest_and_by_the_beginning_of_its_id(store: ImageStore) -> None:
    image = make_image(store, "127.0.0.1:5000/team/app:1", f=b"1")
    by_digest = Reference("127.0.0.1:5000", "team/app", None, image.digest)
    store.tag(by_digest, image.manifest)
    for name in ("127.0.0.1:5000/team/app:1", str(by_digest), image.id, image.id[7:], image.id[7:19], image.id[:12]):
        assert store.resolve(name) == image, name
    for name in ("app:1", "127.0.0.1:5000/team/app", "feed" * 4, "No Such"):
        with pytest.raises(NotFound):
            store.resolve(name)


def test_an_id_that_several_begin_with_is_ambiguous(store: ImageStore) -> None:
    images = [make_image(store, None, f=b"%d" % number) for number in range(17)]  # one digit must be there twice
    digits = [image.id[7] for image in images]
    twice = next(digit for digit in digits if digits.count(digit) > 1)
    with pytest.raises(BadParameter, match="ambiguous"):
        store.resolve(twice)


def test_a_tag_that_moves_leaves_its_image_dangling_until_it_is_pruned(store: ImageStore) -> None:
    first = make_image(store, "app", f=b"1")
    second = make_image(store, "app", f=b"2")
    assert store.resolve("app") == second
    dangling = [view for view in store.images() if untagged(view)]
    assert [view.image_id for view in dangling] == [first.id]
    assert summary_document(dangling[0])["RepoTags"] == ["<none>:<none>"]
    pruned = store.prune(untagged, nobody)
    assert pruned.records[0] == {"Deleted": first.id}
    assert pruned.reclaimed_bytes == 1
    assert store.images() == [store.view(second)]
    assert store.check() == []


def test_the_same_layer_in_two_images_goes_with_the_second(store: ImageStore, tmp_path: Path) -> None:
    data = archive(f=b"shared")
    one = import_image(store, io.BytesIO(data), parse_reference("one"), changes=["LABEL a=1"], message="")
    two = import_image(store, io.BytesIO(data), parse_reference("two"), changes=[], message="")
    assert store.layer_folders(one) == store.layer_folders(two)
    assert remove(store, "one") == ["Untagged: one:latest", f"Deleted: {one.id}"]
    assert os.listdir(store.layer_folders(two)[0]) == ["f"]
    assert remove(store, two.id[7:19]) == [
        "Untagged: two:latest", f"Deleted: {two.id}", f"Deleted: {two.config.diff_ids[0]}",
    ]  # fmt: skip
    assert list((tmp_path / "images/layers").iterdir()) == list((tmp_path / "images/blobs/sha256").iterdir()) == []


def test_a_name_of_several_is_only_untagged(store: ImageStore) -> None:
    image = make_image(store, "app:1", f=b"1")
    store.tag(parse_reference("app:2"), image.manifest)
    with pytest.raises(Conflict, match=r"\(must be forced\) - image is referenced in multiple repositories"):
        remove(store, image.id)
    assert remove(store, "app:1") == ["Untagged: app:1"]
    store.tag(parse_reference("app:1"), image.manifest)
    assert remove(store, image.id, force=True)[:3] == ["Untagged: app:1", "Untagged: app:2", f"Deleted: {image.id}"]


def test_digests_go_with_the_last_tag_of_their_repository(store: ImageStore) -> None:
    image = make_image(store, "app:1", f=b"1")
    store.tag(Reference("docker.io", "library/app", None, image.digest), image.manifest)
    assert remove(store, "app:1")[:3] == ["Untagged: app:1", f"Untagged: app@{image.digest}", f"Deleted: {image.id}"]


def test_an_image_in_use_stays_in_dockers_words(store: ImageStore) -> None:
    image = make_image(store, "app:1", f=b"1")
    stopped, running = ([use(store, image, running=state)] for state in (False, True))
    short = image.id[7:19]
    with pytest.raises(Conflict) as caught:
        remove(store, "app:1", uses=stopped)
    assert caught.value.reason == (
        f'conflict: unable to remove repository reference "app:1" (must force) - container {"c" * 12} is using its '
        f"referenced image {short}"
    )
    with pytest.raises(Conflict, match=r"\(must be forced\) - image is being used by stopped container cccccccccccc"):
        remove(store, image.id, uses=stopped)
    with pytest.raises(Conflict, match=r"\(cannot be forced\) - image is being used by running container"):
        remove(store, image.id, force=True, uses=running)
    assert store.prune(lambda view: True, lambda: stopped).records == ()
    (folder,) = store.layer_folders(image)
    assert remove(store, "app:1", force=True, uses=stopped) == ["Untagged: app:1", f"Deleted: {image.id}"]
    assert os.listdir(folder) == ["f"]  # what the container is mounted from
    assert store.images() == []


def test_by_force_a_running_containers_image_loses_its_name_only(store: ImageStore) -> None:
    image = make_image(store, "app:1", f=b"1")
    assert remove(store, "app:1", force=True, uses=[use(store, image, running=True)]) == ["Untagged: app:1"]
    assert store.resolve(image.id) == image


def test_nothing_goes_while_somebody_puts_an_image_together(store: ImageStore, tmp_path: Path) -> None:
    image = make_image(store, "app", f=b"1")
    with store.lease():
        begun = store.put_blob(b"a layer to be named soon", "text/plain")
        assert remove(store, "app") == ["Untagged: app:latest", f"Deleted: {image.id}"]
        assert store.read_blob(begun)
    assert store.images() == []
    store.prune(lambda view: False, nobody)
    assert list((tmp_path / "images/blobs/sha256").iterdir()) == []


def test_the_check_finds_what_is_missing_and_what_is_wrong(store: ImageStore) -> None:
    image = make_image(store, "app", f=b"1")
    assert store.check() == []
    layer = store.blobs.path(image.layers[0].digest)
    whole = layer.read_bytes()
    layer.write_bytes(whole[:-1])
    assert "of " in store.check()[0]
    layer.write_bytes(whole[:-1] + b"!")
    assert "does not match its digest" in store.check()[0]
    layer.unlink()
    assert "no such file" in store.check()[0]
    store.blobs.path(image.digest).unlink()
    assert "no such file" in ImageStore(layer.parents[2]).check()[0]


def test_an_unsafe_archive_gets_no_name_and_leaves_no_layer(store: ImageStore, tmp_path: Path) -> None:
    data = archive(**{"..__out": b"x"})
    with pytest.raises(ImageError, match="outside the root"):
        import_image(store, io.BytesIO(data), parse_reference("app"), changes=[], message="")
    assert store.images() == []
    assert list((tmp_path / "images/layers").iterdir()) == []


def test_inspect_and_history_say_what_docker_says(store: ImageStore) -> None:
    changes = ["ENV A=1", "EXPOSE 80", "LABEL k=v", "WORKDIR /w", 'ENTRYPOINT ["/run"]']
    image = import_image(
        store, io.BytesIO(archive(f=b"123")), parse_reference("app:1"), changes=changes, message="from a test"
    )
    document = inspect_document(store.view(image))
    assert document["Id"] == image.id
    assert document["RepoTags"] == ["app:1"]
    assert document["Comment"] == "from a test"
    assert document["RootFS"] == {"Type": "layers", "Layers": list(image.config.diff_ids)}
    assert document["Size"] == 3
    assert document["GraphDriver"]["Data"]["UpperDir"] == store.layer_folders(image)[0]
    config = document["Config"]
    assert (config["Env"], config["ExposedPorts"], config["Labels"]) == (["A=1"], {"80/tcp": {}}, {"k": "v"})
    assert (config["WorkingDir"], config["Entrypoint"], config["Cmd"]) == ("/w", ["/run"], None)
    (step,) = history_document(store.view(image))
    assert (step["Id"], step["Tags"], step["Size"], step["Comment"]) == (image.id, ["app:1"], 3, "from a test")


def test_an_engine_killed_while_it_adds_and_removes_leaves_a_whole_store(store: ImageStore, tmp_path: Path) -> None:
    kept = make_image(store, "kept", f=b"1" * 100_000)
    script = (
        "import sys; from pathlib import Path; from runtime.image.store import ImageStore\n"
        "from tests.image.conftest import make_image\n"
        "store = ImageStore(Path(sys.argv[1])); print(flush=True)\n"
        "while True:\n"
        "    for n in range(3): make_image(store, 'app', **{f'f{n}': b'x' * 50_000})\n"
        "    store.remove('app', force=True, uses=list); store.prune(lambda v: not v.repo_tags, list)\n"
    )
    moments = random.Random(3)
    for _ in range(8):
        command = [sys.executable, "-c", script, str(tmp_path / "images")]
        with subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(moments.uniform(0, 0.08))
            process.kill()
        opened = ImageStore(tmp_path / "images")
        assert opened.check() == []
        assert opened.resolve("kept") == kept
        opened.prune(lambda view: view.repo_tags != ["kept:latest"], list)
        assert len(list((tmp_path / "images/blobs/sha256").iterdir())) == 3
        assert len(list((tmp_path / "images/layers").iterdir())) == 2
        assert list((tmp_path / "images/parts").iterdir()) == []
