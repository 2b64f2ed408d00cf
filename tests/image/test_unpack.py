"""A layer becomes files that overlayfs understands, with everything that was kept of them; or it is refused whole."""

from __future__ import annotations

import io
import os
import stat
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runtime.errors import ImageError
from runtime.image.compose import import_image
from runtime.image.compression import inflate, read_ahead
from runtime.image.store import ImageStore
from runtime.image.unpack import unpack_layer
from runtime.kernel.files import remove_tree
from runtime.spec.reference import parse_reference

ROOT = Path(__file__).resolve().parents[2]


def tar(*members: tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, **fields: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for field, value in {"mode": 0o755 if kind == tarfile.DIRTYPE else 0o644, **fields}.items():
        setattr(info, field, value)
    return info


def is_whiteout(path: Path) -> bool:
    status = path.lstat()
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == 0


@pytest.mark.usefixtures("root_user")
def test_owner_mode_times_attributes_and_links_are_kept(tmp_path: Path) -> None:
    capability = "\x01\x00\x00\x02\x00\x04" + "\x00" * 14
    archive = tar(
        member("d", tarfile.DIRTYPE, mode=0o2555, uid=7, gid=8, mtime=1000),
        member("d/su", mode=0o4711, uid=0, gid=9, mtime=2000, size=3),
        member("d/again", tarfile.LNKTYPE, linkname="d/su"),
        member("link", tarfile.SYMTYPE, linkname="/nowhere/../../etc", uid=5, mtime=3000),
        member("ping", uid=1, pax_headers={"SCHILY.xattr.security.capability": capability}),
        member("null", tarfile.CHRTYPE, devmajor=1, devminor=3, mode=0o666),
    )
    done = unpack_layer(archive, str(tmp_path))
    folder, file = (tmp_path / "d").stat(), (tmp_path / "d/su").stat()
    assert (stat.S_IMODE(folder.st_mode), folder.st_uid, folder.st_gid, folder.st_mtime) == (0o2555, 7, 8, 1000)
    assert (stat.S_IMODE(file.st_mode), file.st_gid, file.st_mtime, file.st_nlink) == (0o4711, 9, 2000, 2)
    assert (tmp_path / "link").lstat().st_uid == 5
    assert os.getxattr(tmp_path / "ping", "security.capability") == capability.encode()
    assert (tmp_path / "null").stat().st_rdev == os.makedev(1, 3)
    assert (done.size_bytes, done.skipped) == (3, ())


@pytest.mark.usefixtures("root_user")
def test_deleted_and_replaced_names_become_what_overlayfs_wants(tmp_path: Path) -> None:
    archive = tar(
        member("etc/.wh.gone"),
        member("opt", tarfile.DIRTYPE),
        member("opt/.wh..wh..opq"),
        member("new", tarfile.DIRTYPE),
        member(".wh.new"),
        member(".wh.later"),
        member("later", tarfile.DIRTYPE),
        member(".wh..wh.plnk", tarfile.DIRTYPE),
    )
    unpack_layer(archive, str(tmp_path))
    assert is_whiteout(tmp_path / "etc/gone")
    for replaced in ("opt", "new", "later"):  # a new directory hides the one that was deleted
        assert os.getxattr(tmp_path / replaced, "trusted.overlay.opaque") == b"y"
    assert sorted(os.listdir(tmp_path)) == ["etc", "later", "new", "opt"]


def test_the_later_of_two_members_counts(tmp_path: Path) -> None:
    archive = tar(
        member("a", size=1),
        member("a", size=2),
        member("b", tarfile.DIRTYPE),
        member("b/c", size=1),
        member("b", tarfile.SYMTYPE, linkname="a"),
        member("d", tarfile.SYMTYPE, linkname="a"),
        member("d", tarfile.DIRTYPE, mode=0o700),
    )
    unpack_layer(archive, str(tmp_path))
    assert (tmp_path / "a").read_bytes() == b"xx"
    assert os.readlink(tmp_path / "b") == "a"
    assert (tmp_path / "d").is_dir()


@pytest.mark.parametrize(
    "members",
    [
        [member("a", tarfile.SYMTYPE, linkname="b"), member("b", tarfile.DIRTYPE), member("a/f")],
        [member("d/.wh...")],
        [member("d/.wh.")],
        [member("d/.wh..")],
        [member("a", tarfile.LNKTYPE, linkname="missing")],
        [member("a", tarfile.LNKTYPE, linkname="/etc/passwd")],
        [member("a", tarfile.LNKTYPE, linkname=".")],
        [member("a", size=1), member("a/b")],
        [member(".", size=1)],
        [member("x" * 300)],
        [member("a", mtime=1e30)],
        [member("a/../b")],
    ],
    ids=["below a link inside", "deletes dotdot", "deletes nothing", "deletes dot", "link to nothing", "link out",
         "link to root", "below a file", "root is a file", "name too long", "time too late", "dotdot inside"],
)  # fmt: skip
def test_what_cannot_be_meant_is_refused(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    with pytest.raises(ImageError):
        unpack_layer(tar(*members), str(tmp_path))


def test_a_header_extension_is_not_read_whatever_its_size(tmp_path: Path) -> None:
    archive = tar(member("x", pax_headers={"comment": "c" * (2 << 20)}))
    with pytest.raises(ImageError, match="header extension of"):
        unpack_layer(archive, str(tmp_path))


def test_notes_of_overlayfs_in_an_image_are_left_out(tmp_path: Path) -> None:
    notes = {f"SCHILY.xattr.{kind}.overlay.redirect": "/etc" for kind in ("trusted", "user")}
    unpack_layer(tar(member("d", tarfile.DIRTYPE, pax_headers=notes | {"SCHILY.xattr.user.kept": "1"})), str(tmp_path))
    assert os.listxattr(tmp_path / "d") == ["user.kept"]


NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", "", ".wh.a", ".wh..wh..opq", "out"]), max_size=4).map("/".join)
KINDS = st.sampled_from([tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE])
MEMBERS = st.builds(lambda name, kind, link: member(name, kind, linkname=link), NAMES, KINDS, NAMES)


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(MEMBERS, max_size=6))
def test_no_archive_touches_anything_outside(tmp_path: Path, members: list[tarfile.TarInfo]) -> None:
    house = tmp_path / "house"
    house.mkdir(exist_ok=True)
    for outside in (house / "out", house / "a"):
        outside.write_text("outside")
    layer = house / "layer"
    layer.mkdir()
    before = {path: path.stat() for path in (house / "out", house / "a")}
    try:
        unpack_layer(tar(*members), str(layer))
    except ImageError:
        pass
    finally:
        remove_tree(str(layer))
    assert sorted(os.listdir(house)) == ["a", "out"]
    for path, status in before.items():
        assert path.read_text() == "outside"
        now = path.stat()
        assert (now.st_mode, now.st_nlink, now.st_uid, now.st_mtime) == (
            status.st_mode, status.st_nlink, status.st_uid, status.st_mtime,
        )  # fmt: skip


@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=64), st.integers(0, 4096))
def test_a_damaged_archive_is_refused_or_unpacked_never_a_crash(tmp_path: Path, noise: bytes, position: int) -> None:
    whole = tar(member("d", tarfile.DIRTYPE), member("d/f", size=700, pax_headers={"comment": "c" * 100}))
    layer = tmp_path / "layer"
    layer.mkdir()
    try:
        unpack_layer(whole[:position] + noise + whole[position + len(noise) :], str(layer))
    except ImageError:
        pass
    finally:
        remove_tree(str(layer))


@pytest.mark.usefixtures("root_user")
def test_another_user_unpacks_what_a_user_can(tmp_path: Path) -> None:
    archive = tar(
        member("closed", tarfile.DIRTYPE, mode=0o555, uid=0),
        member("closed/f", mode=0o4755, uid=7, size=1),
        member("closed/.wh.gone"),
        member("closed/.wh..wh..opq"),
        member("null", tarfile.CHRTYPE, devmajor=1, devminor=3),
    )
    (tmp_path / "layer.tar").write_bytes(archive)
    (tmp_path / "layer").mkdir()
    os.chown(tmp_path / "layer", 65534, 65534)
    script = (
        "import os, sys; sys.path.insert(0, sys.argv[1]); import runtime.image.unpack as u; "
        "data = open(sys.argv[2], 'rb').read(); os.chdir(sys.argv[3]); os.setgroups([]); "
        "os.setresgid(*[65534] * 3); os.setresuid(*[65534] * 3); print(u.unpack_layer(data, '.').skipped)"
    )
    command = [sys.executable, "-c", script, str(ROOT), str(tmp_path / "layer.tar"), str(tmp_path / "layer")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.stdout == "('null',)\n", done.stderr
    closed = tmp_path / "layer/closed"
    assert stat.S_IMODE(closed.stat().st_mode) == 0o555
    assert (closed / "f").stat().st_uid == 65534
    assert is_whiteout(closed / "gone")
    assert os.getxattr(closed, "user.overlay.opaque") == b"y"


@pytest.mark.parametrize(("program", "suffix"), [("gzip", "gz"), ("zstd", "zst"), ("bzip2", "bz2"), ("xz", "xz")])
def test_every_compression_that_docker_reads_is_read(
    store: ImageStore, run: Callable[..., str], tmp_path: Path, program: str, suffix: str
) -> None:
    plain = tmp_path / "layer.tar"
    plain.write_bytes(tar(*(member(f"f{number}", size=50_000) for number in range(60))))
    run(program, "-k", plain)
    with plain.with_suffix(f".tar.{suffix}").open("rb") as file:
        image = import_image(store, file, parse_reference("packed"), changes=[], message="")
    (folder,) = store.layer_folders(image)
    assert sum(path.stat().st_size for path in Path(folder).iterdir()) == 3_000_000


def test_a_bomb_is_read_piece_by_piece_and_a_cut_stream_is_refused() -> None:
    import gzip

    packed = gzip.compress(bytes(64 << 20))
    sizes = [len(piece) for piece in inflate(io.BytesIO(packed), "bomb")]
    assert max(sizes) <= 1 << 20
    assert sum(sizes) == 64 << 20
    with pytest.raises(ImageError, match="ends early"), read_ahead(io.BytesIO(packed[:-9]), "cut") as stream:
        stream.drain()
    with read_ahead(io.BytesIO(packed), "left early") as stream:  # its thread ends with the block
        assert stream.read(10) == bytes(10)
