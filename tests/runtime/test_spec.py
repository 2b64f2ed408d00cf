"""References, digests, sizes and the merge of options into an image's defaults."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.engine.configure import configure
from runtime.errors import EngineError, ImageError, SpecError
from runtime.spec.digest import chain_ids, digest_hex, sha256_digest
from runtime.spec.image import Descriptor, ImageConfig
from runtime.spec.reference import parse_reference
from runtime.spec.size import parse_size_bytes

DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("text", "canonical", "familiar"),
    [
        ("busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("tare/host", "docker.io/tare/host:latest", "tare/host:latest"),
        ("tare/host:1", "docker.io/tare/host:1", "tare/host:1"),
        ("127.0.0.1:5000/app", "127.0.0.1:5000/app:latest", "127.0.0.1:5000/app:latest"),
        ("localhost/app:x", "localhost/app:x", "localhost/app:x"),
        (f"app@{DIGEST}", f"docker.io/library/app@{DIGEST}", f"app@{DIGEST}"),
    ],
)
def test_reference_defaults(text: str, canonical: str, familiar: str) -> None:
    reference = parse_reference(text)
    assert (str(reference), reference.familiar) == (canonical, familiar)


@pytest.mark.parametrize("text", ["", "App", "a//b", "a:", "a:b:c", "../x", "a@sha256:12", "/a", "a" * 256, "a b"])
def test_bad_references_are_refused(text: str) -> None:
    with pytest.raises(ImageError):
        parse_reference(text)


@given(st.text())
def test_any_text_is_a_reference_or_an_error(text: str) -> None:
    try:
        reference = parse_reference(text)
    except EngineError:
        return
    assert parse_reference(str(reference)) == reference


@pytest.mark.parametrize(
    ("text", "size"), [("64m", 64 << 20), ("1.5g", 3 << 29), ("512", 512), ("2KiB", 2048), ("0", 0)]
)
def test_sizes(text: str, size: int) -> None:
    assert parse_size_bytes(text) == size


@pytest.mark.parametrize("text", ["-1", "-5m", "", "m", "1x", "nan", "1e3", "0x10"])
def test_bad_sizes_are_refused(text: str) -> None:
    with pytest.raises(SpecError, match="not a positive number"):
        parse_size_bytes(text)


def test_a_digest_is_checked_before_it_can_become_a_path() -> None:
    assert digest_hex(sha256_digest(b"x")) == hashlib.sha256(b"x").hexdigest()
    for bad in ("sha256:../../etc/passwd", "sha512:" + "a" * 128, "sha256:" + "A" * 64, DIGEST + "\n"):
        with pytest.raises(ImageError):
            digest_hex(bad)


def test_chain_ids_name_a_layer_with_all_below_it() -> None:
    a, b = sha256_digest(b"a"), sha256_digest(b"b")
    assert chain_ids((a,)) == (a,)
    assert chain_ids((a, b)) == (a, sha256_digest(f"{a} {b}".encode()))
    assert chain_ids((a, b))[1] != chain_ids((b, a))[1]


@pytest.mark.parametrize(
    "document",
    [{}, {"mediaType": "m", "digest": "x", "size": 1}, {"mediaType": "m", "digest": DIGEST, "size": -1},
     {"mediaType": 3, "digest": DIGEST, "size": 1}, {"mediaType": "m", "digest": DIGEST, "size": "1"}],
)  # fmt: skip
def test_bad_descriptors_are_refused(document: dict[str, object]) -> None:
    with pytest.raises(ImageError):
        Descriptor.from_dict(document)


IMAGE = ImageConfig(("A=1", "PATH=/bin"), ("/entry",), ("default",), "/work", (DIGEST,))


def test_the_image_supplies_what_the_user_leaves_out() -> None:
    process = configure(IMAGE, []).process
    assert (process.args, process.cwd) == (("/entry", "default"), "/work")
    assert "PATH=/bin" in process.env


def test_the_user_replaces_the_command_and_adds_to_the_environment() -> None:
    process = configure(IMAGE, ["mine"], env=["A=2", "B=x=y"], workdir="/").process
    assert (process.args, process.cwd) == (("/entry", "mine"), "/")
    assert {"A=2", "B=x=y"} <= set(process.env)
    assert "A=1" not in process.env


@pytest.mark.parametrize(
    "options", [{"env": ["=x"]}, {"env": ["x"]}, {"user": "root"}, {"user": "1:x"}, {"hostname": ""}]
)
def test_bad_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(SpecError):
        configure(IMAGE, [], **options)  # type: ignore[arg-type]


def test_no_command_anywhere_is_an_error() -> None:
    with pytest.raises(SpecError, match="no command"):
        configure(ImageConfig((), (), (), "", (DIGEST,)), [])
