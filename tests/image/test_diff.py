"""What a container changed, told and packed; compared with what a real overlay mount shows."""

from __future__ import annotations

import io
import os
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from runtime.image.compose import commit, now, write_layer
from runtime.image.diff import export_tree, list_changes, pack_changes
from runtime.image.store import ImageStore
from runtime.kernel.files import remove_tree
from runtime.spec.imageview import history_document
from runtime.spec.reference import parse_reference
from tests.image.conftest import make_image

pytestmark = pytest.mark.usefixtures("root_user", "no_leaks")

STORY = """set -e
echo 1 > new; rm etc/group; echo 2 >> etc/passwd; mkdir d; touch d/f; ln d/f d/g; ln -s /etc l
rm -r var; mkdir var; echo mine > var/mine; echo 3 > opt/deep/old
chmod 4711 new; setfattr -n user.kept -v yes new; mkfifo d/pipe
"""


def in_container(layers: tuple[str, ...], upper: Path, story: str, answer: Path) -> None:
    """Run a shell over an overlay, in a mount namespace of its own; then write the tree that it sees."""
    work, merged = upper.parent / "work", upper.parent / "merged"
    for folder in (upper, work, merged):
        folder.mkdir(exist_ok=True)
    script = (
        f"mount -t overlay overlay -o lowerdir={':'.join(layers)},upperdir={upper},workdir={work} {merged} || exit 9\n"
        f"cd {merged} || exit 9\n{story}\n"
        "find . -mindepth 1 ! -type p -printf '%P %y %m %U:%G %l %s\\n' | sed 's/ d \\(.*\\) [0-9]*$/ d \\1/' "
        f"| sort > {answer}\n"
    )
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True)
    if done.returncode == 9:
        pytest.skip(f"no overlay mounts here: {done.stderr}")
    assert done.returncode == 0, done.stderr
    remove_tree(str(work))


@pytest.fixture
def changed(store: ImageStore, tmp_path: Path, run: Callable[..., str]) -> tuple[tuple[str, ...], Path, str]:
    """Layers of an image, a writable layer over it, and what a mount of both shows."""
    run("setfattr", "--version")
    image = make_image(
        store, "base", etc__passwd=b"p", etc__group=b"g", var__old=b"o", var__log__x=b"", opt__deep__old=b"1"
    )
    layers, upper = store.layer_folders(image), tmp_path / "upper"
    in_container(layers, upper, STORY, tmp_path / "seen")
    return layers, upper, (tmp_path / "seen").read_text()


def test_changes_are_listed_as_docker_lists_them(changed: tuple[tuple[str, ...], Path, str]) -> None:
    layers, upper, _ = changed
    listed = [f"{change.kind} {change.path}" for change in list_changes(str(upper), layers)]
    assert listed == [
        "A /d", "A /d/f", "A /d/g", "A /d/pipe", "C /etc", "D /etc/group", "C /etc/passwd", "A /l", "A /new",
        "C /opt/deep/old", "C /var", "A /var/mine",
    ]  # fmt: skip


def test_a_commit_shows_the_same_files_as_the_container(
    store: ImageStore, changed: tuple[tuple[str, ...], Path, str], tmp_path: Path
) -> None:
    layers, upper, seen = changed
    with store.lease():
        layer = write_layer(store, lambda sink: pack_changes(str(upper), layers, sink))
        parent = store.resolve("base")
        image = commit(store, parent, layer, {}, parse_reference("new:2"), step={"created": now(), "comment": "c"})
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    in_container(store.layer_folders(image), fresh / "upper", "", tmp_path / "again")
    assert (tmp_path / "again").read_text() == seen
    folder = Path(store.layer_folders(image)[0])
    assert os.getxattr(folder / "new", "user.kept") == b"yes"
    assert (folder / "d/f").stat().st_nlink == 2
    assert [step["Comment"] for step in history_document(store.view(image))] == ["c", "test"]


def test_an_export_holds_the_same_files_as_the_container(changed: tuple[tuple[str, ...], Path, str]) -> None:
    layers, upper, seen = changed
    sink = io.BytesIO()
    export_tree((str(upper), *layers), sink)
    with tarfile.open(fileobj=io.BytesIO(sink.getvalue())) as archive:
        names = sorted(member.name for member in archive)
    assert names == sorted(line.split(" ")[0] for line in seen.splitlines())


def test_a_link_in_a_layer_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret/file").write_text("s")
    for layer in ("upper", "lower"):
        (tmp_path / layer).mkdir()
    (tmp_path / "lower/d").symlink_to(tmp_path / "secret")
    (tmp_path / "upper/d").mkdir()
    (tmp_path / "upper/d/file").write_text("own")
    changes = list_changes(str(tmp_path / "upper"), (str(tmp_path / "lower"),))
    assert [f"{change.kind} {change.path}" for change in changes] == ["C /d", "A /d/file"]
