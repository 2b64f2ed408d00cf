"""The store verifies what it reads; layers stay in their folder; the host image is ordinary and reproducible."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import tarfile
from pathlib import Path

import pytest

from runtime.errors import ImageError
from runtime.image.host import HOST_IMAGE, build_host_image, find_image, parse_interpreter, parse_loader_list
from runtime.image.layer import Entry, pack_layer, unpack_layer
from runtime.image.store import ImageStore
from runtime.spec.image import Descriptor
from runtime.spec.reference import parse_reference


@pytest.fixture
def store(tmp_path: Path) -> ImageStore:
    return ImageStore(tmp_path / "images")


def archive(*members: tuple[str, bytes, str]) -> bytes:
    """A tar of (name, type, link name) members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, kind, link in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, link
            tar.addfile(member)
    return buffer.getvalue()


def test_a_blob_that_was_changed_is_not_handed_out(store: ImageStore, tmp_path: Path) -> None:
    blob = store.put_blob(b"content", "text/plain")
    assert store.read_blob(blob) == b"content"
    (path,) = (tmp_path / "images/blobs/sha256").iterdir()
    path.write_bytes(b"Content")
    with pytest.raises(ImageError, match="does not match its digest"):
        store.read_blob(blob)


def test_a_blob_of_another_size_is_not_handed_out(store: ImageStore) -> None:
    blob = store.put_blob(b"content", "text/plain")
    with pytest.raises(ImageError):
        store.read_blob(Descriptor(blob.media_type, blob.digest, 3))


def test_packing_is_reproducible_and_unpacking_gives_it_back(tmp_path: Path) -> None:
    entries = [
        Entry("etc", stat.S_IFDIR | 0o751),
        Entry("etc/name", stat.S_IFREG | 0o4711, b"x" * 5000),
        Entry("link", stat.S_IFLNK | 0o777, b"etc/name"),
    ]
    packed = pack_layer(entries)
    assert packed == pack_layer(reversed(entries))
    unpack_layer(packed, str(tmp_path))
    assert (tmp_path / "link").read_bytes() == b"x" * 5000
    assert stat.S_IMODE((tmp_path / "etc/name").stat().st_mode) == 0o4711
    assert stat.S_IMODE((tmp_path / "etc").stat().st_mode) == 0o751


@pytest.mark.parametrize(
    "members",
    [
        [("../escaped", tarfile.REGTYPE, "")],
        [("/escaped", tarfile.REGTYPE, "")],
        [("a", tarfile.SYMTYPE, ".."), ("a/escaped", tarfile.REGTYPE, "")],
        [("a", tarfile.SYMTYPE, "/tmp"), ("a/escaped", tarfile.DIRTYPE, "")],
        [("a", tarfile.LNKTYPE, "../outside")],
        [("a", tarfile.SYMTYPE, ".."), ("b", tarfile.LNKTYPE, "a/outside")],
        [("a", tarfile.FIFOTYPE, "")],
    ],
    ids=["dotdot", "absolute", "below a link", "folder below a link", "hard link out", "hard link via link", "fifo"],
)
def test_a_member_that_would_leave_its_folder_is_refused(tmp_path: Path, members: list[tuple[str, bytes, str]]) -> None:
    (tmp_path / "outside").write_text("secret")
    folder = tmp_path / "layer"
    folder.mkdir()
    with pytest.raises(ImageError):
        unpack_layer(archive(*members), str(folder))
    assert not (tmp_path / "escaped").exists()
    assert not Path("/tmp/escaped").exists()


def test_rubbish_is_not_a_layer(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="not a tar archive"):
        unpack_layer(b"rubbish" * 200, str(tmp_path))


def test_the_host_image_is_assembled_once_and_is_the_same_every_time(store: ImageStore, tmp_path: Path) -> None:
    first = find_image(store, HOST_IMAGE)
    assert find_image(store, HOST_IMAGE) == first
    assert build_host_image(ImageStore(tmp_path / "other")).digest == first.digest


def test_layers_are_unpacked_once_and_shared(store: ImageStore) -> None:
    image = find_image(store, HOST_IMAGE)
    (folder,) = store.layer_folders(image)
    inode = os.stat(folder).st_ino
    assert store.layer_folders(image) == (folder,)
    assert os.stat(folder).st_ino == inode
    assert not list(Path(folder).parent.glob("*.part"))


def test_without_busybox_the_image_has_a_shell_core_utilities_and_their_libraries(
    store: ImageStore, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import shutil

    real = shutil.which
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "busybox" else real(name))
    image = build_host_image(store)
    (folder,) = store.layer_folders(image)
    assert os.access(f"{folder}/usr/bin/sh", os.X_OK)
    for name in ("sh", "ls", "true"):
        program = Path(folder, "usr/bin", name)
        interpreter = parse_interpreter(program.read_bytes())
        assert interpreter is not None
        # bin, lib and lib64 are links inside the image, so resolve them there and not on this machine
        top, _, rest = interpreter.lstrip("/").partition("/")
        assert Path(folder, os.readlink(f"{folder}/{top}"), rest).is_file()
    if os.geteuid() == 0:  # the proof: it runs with nothing but what is in the image
        done = subprocess.run(["chroot", folder, "sh", "-c", "ls / && echo well"], capture_output=True, text=True)
        assert done.stdout.endswith("well\n"), done.stderr


def test_an_unknown_image_is_an_error_with_a_hint(store: ImageStore) -> None:
    with pytest.raises(ImageError, match="no such image") as caught:
        find_image(store, parse_reference("nothing"))
    assert "tare/host" in caught.value.hint


def test_a_damaged_index_is_an_error(store: ImageStore, tmp_path: Path) -> None:
    (tmp_path / "images/index.json").write_text("{")
    with pytest.raises(ImageError, match="image index"):
        store.find(HOST_IMAGE)


GLIBC = """\tlinux-vdso.so.1 (0x00007ffe)
\tlibselinux.so.1 => /lib/x86_64-linux-gnu/libselinux.so.1 (0x00007f1)
\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f2)
\t/lib64/ld-linux-x86-64.so.2 (0x00007f3)
"""
MUSL = """\t/lib/ld-musl-x86_64.so.1 (0x7f1)
\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f1)
"""


def test_what_the_loaders_of_two_c_libraries_say_is_understood() -> None:
    assert parse_loader_list(GLIBC) == (
        "/lib/x86_64-linux-gnu/libselinux.so.1",
        "/lib/x86_64-linux-gnu/libc.so.6",
        "/lib64/ld-linux-x86-64.so.2",
    )
    assert parse_loader_list(MUSL) == ("/lib/ld-musl-x86_64.so.1",)


def test_a_file_that_is_no_program_has_no_interpreter() -> None:
    with pytest.raises(ImageError, match="not a 64-bit ELF"):
        parse_interpreter(b"#!/bin/sh\n")
