"""Pure readings: challenges, platforms, changes; what others send is never trusted to be well formed."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.errors import BadParameter, ImageError
from runtime.image.auth import Credentials, parse_challenges, parse_registry_auth, parse_token, token_url
from runtime.spec.change import apply_changes
from runtime.spec.image import Manifest, Platform, parse_document, parse_platform, select_manifest

DIGEST = "sha256:" + "1" * 64


def test_a_header_may_offer_several_ways_to_authenticate() -> None:
    first, second = parse_challenges(
        'Bearer realm="https://auth.example/token?a=b",service="a \\"quoted\\", name" , scope=plain, Basic realm="x"'
    )
    assert (first.scheme, second.scheme) == ("bearer", "basic")
    assert first.parameters["service"] == 'a "quoted", name'
    assert first.parameters["scope"] == "plain"
    url = token_url(first, "repository:a/b:pull", plain_allowed=False)
    assert url.startswith("https://auth.example/token?a=b&service=a+%22quoted%22")
    assert url.endswith("scope=repository%3Aa%2Fb%3Apull")


@given(st.text())
def test_any_header_is_read_without_harm(header: str) -> None:
    assert isinstance(parse_challenges(header), list)


@pytest.mark.parametrize("realm", ["http://auth.example/token", "", "file:///etc/passwd"])
def test_a_password_does_not_go_unencrypted(realm: str) -> None:
    (challenge,) = parse_challenges(f'Bearer realm="{realm}"')
    with pytest.raises(ImageError, match="no https address"):
        token_url(challenge, "s", plain_allowed=False)


def test_a_token_has_two_names_and_must_be_printable() -> None:
    assert parse_token(b'{"token": "a"}', "s") == parse_token(b'{"access_token": "a"}', "s") == "a"
    for bad in (b"{}", b"[]", b"x", b'{"token": 1}', b'{"token": "a\\r\\nb"}', b"[" * 100_000):
        with pytest.raises(ImageError):
            parse_token(bad, "s")


def test_credentials_come_as_docker_sends_them_and_are_in_no_log() -> None:
    header = base64.urlsafe_b64encode(json.dumps({"username": "u", "password": "p?>"}).encode()).decode().rstrip("=")
    credentials = parse_registry_auth(header)
    assert credentials == Credentials("u", "p?>")
    assert "p?>" not in repr(credentials)
    assert parse_registry_auth("") is None
    assert parse_registry_auth(base64.urlsafe_b64encode(b"{}").decode()) is None
    with pytest.raises(BadParameter):
        parse_registry_auth("%%%")


def index(*platforms: str) -> dict[str, Any]:
    """An index; each manifest's size tells its place."""
    manifests = []
    for place, text in enumerate(platforms):
        system, architecture, variant = (*text.split("/"), "")[:3]
        platform = {"os": system, "architecture": architecture, **({"variant": variant} if variant else {})}
        manifests.append({"mediaType": "m", "digest": DIGEST, "size": place, "platform": platform})
    return {"manifests": manifests}


@pytest.mark.parametrize(
    ("wanted", "offered", "place"),
    [
        ("linux/amd64", ["windows/amd64", "linux/arm64", "linux/amd64"], 2),
        ("linux/amd64", ["unknown/unknown", "linux/amd64/v1"], 1),
        ("linux/arm64", ["linux/arm64/v8"], 0),
        ("linux/arm64/v8", ["linux/arm64"], 0),
        ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6"], 1),
        ("linux/arm/v7", ["linux/arm/v6", "linux/arm", "linux/arm/v7"], 2),
        ("linux/arm/v6", ["linux/arm/v7", "linux/arm/v5"], 1),
    ],
)
def test_the_best_platform_of_an_index_is_taken(wanted: str, offered: list[str], place: int) -> None:
    assert select_manifest(index(*offered), parse_platform(wanted)).size_bytes == place


def test_no_platform_and_no_index_are_errors() -> None:
    with pytest.raises(ImageError, match="no matching manifest"):
        select_manifest(index("linux/s390x"), Platform.of_machine("x86_64"))
    for bad in ({}, {"manifests": 1}, {"manifests": [1]}, {"manifests": [{"platform": []}]}):
        with pytest.raises(ImageError):
            select_manifest(bad, Platform("linux", "amd64"))
    for text in ("linux", "linux/", "a/b/c/d"):
        with pytest.raises(ImageError):
            parse_platform(text)


def test_a_layer_that_may_not_be_distributed_is_refused() -> None:
    descriptor = {"mediaType": "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip", "digest": DIGEST, "size": 1}
    with pytest.raises(ImageError, match="not supported"):
        Manifest.from_dict({"config": {**descriptor, "mediaType": "c"}, "layers": [descriptor]})


@given(st.recursive(st.none() | st.integers() | st.text(), lambda x: st.lists(x) | st.dictionaries(st.text(), x)))
def test_any_document_is_a_manifest_or_an_error(document: Any) -> None:
    for candidate in (document, {"config": document, "layers": document}):
        try:
            Manifest.from_dict(parse_document(json.dumps(candidate).encode(), "it"))
        except ImageError:
            continue


@pytest.mark.parametrize(
    ("change", "field", "value"),
    [
        ("CMD echo hi", "Cmd", ["/bin/sh", "-c", "echo hi"]),
        ('cmd ["a", "b c"]', "Cmd", ["a", "b c"]),
        ('ENTRYPOINT ["/x"]', "Entrypoint", ["/x"]),
        ("ENV A=2 'B=x y'", "Env", ["A=2", "C=3", "B=x y"]),
        ("ENV A two words", "Env", ["A=two words", "C=3"]),
        ("EXPOSE 80 53/udp", "ExposedPorts", {"80/tcp": {}, "53/udp": {}}),
        ('VOLUME ["/a b"]', "Volumes", {"/a b": {}}),
        ("LABEL a=b c='d e'", "Labels", {"a": "b", "c": "d e"}),
        ("USER 1:2", "User", "1:2"),
        ("WORKDIR /w", "WorkingDir", "/w"),
        ("STOPSIGNAL SIGINT", "StopSignal", "SIGINT"),
        ("ONBUILD RUN x", "OnBuild", ["RUN x"]),
    ],
)
def test_a_change_changes_one_field(change: str, field: str, value: object) -> None:
    before = {"Env": ["A=1", "C=3"]}
    assert apply_changes(before, [change]) == {**before, field: value}
    assert before == {"Env": ["A=1", "C=3"]}


@pytest.mark.parametrize("change", ["RUN x", "FROM y", "CMD", "", "LABEL a", "ENV A", "ENV A=1 B", 'CMD [1, "a"]'])
def test_a_change_that_does_more_or_says_nothing_is_refused(change: str) -> None:
    with pytest.raises(BadParameter):
        apply_changes({}, [change])
