"""Images through the real docker command, docker-py and skopeo."""

from __future__ import annotations

import io
import json
import subprocess
import threading
import time
from pathlib import Path

import docker
import pytest

from runtime.api.images import join_tag, read_reference
from runtime.errors import BadParameter
from runtime.image.removal import ImageUse
from tests.api.conftest import Cli, Running
from tests.image.conftest import (  # noqa: F401  the registries are fixtures
    PASSWORD,
    USER,
    archive,
    locked_registry,
    make_image,
    noise,
    registry,
    tool,
)

NAMES = "{{.Repository}}:{{.Tag}}"


def test_import_list_inspect_history_tag_and_remove(cli: Cli) -> None:
    made = cli("import", "-c", 'CMD ["/hello"]', "-c", "LABEL tier=front", "-m", "by hand", "-", "shop/app:1",
               stdin=archive(hello=b"hi"))  # fmt: skip
    assert made.startswith("sha256:")
    document = json.loads(cli("image", "inspect", "shop/app:1"))[0]
    assert (document["Id"], document["Config"]["Cmd"]) == (made.strip(), ["/hello"])
    assert "by hand" in cli("history", "shop/app:1")
    cli("tag", "shop/app:1", "shop/app:2")
    cli("tag", made.strip()[7:19], "other")
    assert set(cli("images", "--format", NAMES).split()) == {"shop/app:1", "shop/app:2", "other:latest"}
    assert cli("rmi", "shop/app:1", "shop/app:2") == "Untagged: shop/app:1\nUntagged: shop/app:2\n"
    last = cli("rmi", "other").splitlines()
    assert last[:2] == ["Untagged: other:latest", f"Deleted: {made.strip()}"]
    assert cli("images", "-q") == ""


def test_lists_are_filtered(daemon: Running, cli: Cli) -> None:
    for name in ("shop/app:1", "shop/app:2", "busybox:1"):
        make_image(daemon.engine.images, name, content=name.encode())
        time.sleep(1.1)  # images say when they were made in seconds
    make_image(daemon.engine.images, None, content=b"without a name")

    def listed(*arguments: str) -> set[str]:
        return set(cli("images", *arguments, "--format", NAMES).split())

    assert listed("shop/app") == {"shop/app:1", "shop/app:2"}
    assert listed("shop/app:2") == {"shop/app:2"}
    assert listed("*") == {"busybox:1"}
    assert listed("sh*/*") == {"shop/app:1", "shop/app:2"}
    assert listed("-f", "dangling=true") == {"<none>:<none>"}
    assert listed("-f", "dangling=false") == {"shop/app:1", "shop/app:2", "busybox:1"}
    assert listed("-f", "before=busybox:1") == {"shop/app:1", "shop/app:2"}
    assert listed("-f", "since=shop/app:1", "-f", "dangling=false") == {"shop/app:2", "busybox:1"}
    assert listed("-f", "label=nosuch") == set()
    assert "Invalid filter 'nosuch'" in cli("images", "-f", "nosuch=1", code=1)


def test_an_image_that_a_container_uses_is_kept_unless_forced(daemon: Running, cli: Cli) -> None:
    image = make_image(daemon.engine.images, "app:1", content=b"x")
    daemon.engine.uses = (ImageUse("c" * 64, image.id, running=False, folders=()),)
    words = cli("rmi", "app:1", code=1)
    assert 'conflict: unable to remove repository reference "app:1" (must force) - container cccccccccccc' in words
    assert cli("rmi", "-f", "app:1").startswith("Untagged: app:1\n")


def test_prune_takes_what_has_no_name(daemon: Running, cli: Cli) -> None:
    store = daemon.engine.images
    gone = make_image(store, None, content=b"without a name").id
    kept = make_image(store, "app:1", content=b"named").id
    assert f"deleted: {gone}" in cli("image", "prune", "-f")
    assert "Total reclaimed space: 0B" in cli("image", "prune", "-a", "-f", "--filter", "until=24h")
    assert f"deleted: {kept}" in cli("image", "prune", "-a", "-f")


def test_save_and_load(daemon: Running, cli: Cli, tmp_path: Path) -> None:
    image = make_image(daemon.engine.images, "app:1", big=noise(3 << 20))
    cli("save", "-o", str(tmp_path / "app.tar"), "app:1")
    cli("rmi", "app:1")
    assert cli("load", "-i", str(tmp_path / "app.tar")) == "Loaded image: app:1\n"
    assert daemon.engine.images.resolve("app:1").id == image.id
    assert "No such image" in cli("save", "nosuch", "-o", str(tmp_path / "none"), code=1)
    assert cli("load", stdin=b"junk", code=1)


def test_skopeo_takes_images_out_of_the_daemon_and_brings_them_in(daemon: Running, cli: Cli, tmp_path: Path) -> None:
    skopeo = [tool("skopeo"), "--insecure-policy"]
    host = f"unix://{daemon.path}"
    image = make_image(daemon.engine.images, "app:1", content=b"x" * 70_000)
    copy = [*skopeo, "copy", "-q"]
    subprocess.run([*copy, f"--src-daemon-host={host}", "docker-daemon:app:1", f"oci:{tmp_path}/layout:x"], check=True)
    cli("rmi", "app:1")
    subprocess.run([*copy, f"--dest-daemon-host={host}", f"oci:{tmp_path}/layout:x", "docker-daemon:app:2"], check=True)
    assert daemon.engine.images.resolve("app:2").config.diff_ids == image.config.diff_ids


def test_push_and_pull(daemon: Running, cli: Cli, registry: str) -> None:  # noqa: F811
    name = f"{registry}/team/app:1"
    image = make_image(daemon.engine.images, name, content=b"pushed")
    assert f"digest: {image.digest}" in cli("push", name)
    cli("rmi", name)
    told = cli("pull", name)
    assert told.startswith("1: Pulling from team/app\n")
    assert f"Status: Downloaded newer image for {name}\n{name}\n" in told
    assert f"Status: Image is up to date for {name}" in cli("pull", name)
    assert daemon.engine.images.resolve(name).id == image.id
    actions = [event.action for event in daemon.engine.events.past(0, None, {"type": ("image",)})]
    assert actions == ["push", "untag", "untag", "delete", "pull", "pull"]


def test_what_cannot_be_pulled_or_pushed(daemon: Running, cli: Cli, registry: str) -> None:  # noqa: F811
    assert "not found: manifest unknown" in cli("pull", f"{registry}/nosuch:1", code=1)
    assert (
        "repository name must be lowercase"
        in daemon.ask(b"POST /images/create?fromImage=UPPER HTTP/1.1\r\nHost: d\r\n\r\n").decode()
    )
    assert "An image does not exist locally with the tag: nosuch\n" in cli("push", "nosuch", code=1)


def test_a_registry_that_wants_a_password(daemon: Running, cli: Cli, locked_registry: str) -> None:  # noqa: F811
    name = f"{locked_registry}/team/secret:1"
    make_image(daemon.engine.images, name, content=b"secret")
    cli("push", name, code=1)
    assert "repository does not exist or may require 'docker login'" in cli("pull", name, code=1)
    cli("login", "-u", USER, "-p", "wrong", locked_registry, code=1)
    assert "Login Succeeded" in cli("login", "-u", USER, "-p", PASSWORD, locked_registry)
    cli("push", name)
    cli("pull", name)


def test_docker_py_moves_images(daemon: Running, client: docker.DockerClient, registry: str) -> None:  # noqa: F811
    (image,) = client.images.load(exported(daemon, "app:1"))
    assert image.tags == ["app:1"]
    assert image.tag(f"{registry}/py/app", "2")
    told = client.images.push(f"{registry}/py/app", "2", stream=True, decode=True)
    assert any("digest" in line.get("status", "") for line in told)
    assert client.images.get_registry_data(f"{registry}/py/app:2").id == daemon.engine.images.resolve("app:1").digest
    client.images.remove("app:1")
    client.images.remove(f"{registry}/py/app:2")
    assert client.images.list() == []
    assert client.images.pull(f"{registry}/py/app", tag="2").id == image.id
    assert b"".join(client.images.get(image.id).save())[:5] == b"blobs"
    with pytest.raises(docker.errors.NotFound):
        client.images.pull(f"{registry}/py/nosuch")


def exported(daemon: Running, name: str) -> io.BytesIO:
    """An archive of an image that is not there any more."""
    from runtime.image.archive import save

    sink = io.BytesIO()
    make_image(daemon.engine.images, name, content=b"x")
    save(daemon.engine.images, [name], sink)
    daemon.engine.images.remove(name, force=True, uses=tuple)
    sink.seek(0)
    return sink


def test_a_load_that_its_client_gives_up_leaves_no_thread_and_no_image(daemon: Running) -> None:
    with daemon.connect() as sock:
        sock.sendall(b"POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Length: 1000000\r\n\r\n" + bytes(512))
        deadline = time.monotonic() + 5
        while not working() and time.monotonic() < deadline:
            time.sleep(0.01)
        assert working()
    while (working() or daemon.tasks()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not working()
    assert daemon.tasks() == 0
    assert daemon.engine.images.images() == []


def working() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "work"]


def test_names_that_cannot_be_names_are_the_clients_fault() -> None:
    for text in ("UPPER", "a b", "", "x:" + "y" * 200, "x@sha256:00"):
        with pytest.raises(BadParameter, match="invalid reference format"):
            read_reference(text)
    assert join_tag("127.0.0.1:5000/app", "sha256:00") == "127.0.0.1:5000/app@sha256:00"
