"""From method and path to a handler, and dockerd's rules for versions, flags and filters."""

from __future__ import annotations

import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.api.message import Answer, Request, Response
from runtime.api.query import Query
from runtime.api.router import Router, check_version, route, split_version
from runtime.api.server import RESOURCES
from runtime.errors import BadParameter
from tests.api.conftest import Running, resource


@route("GET", "/things/json")
async def list_things(request: Request) -> Answer:
    return Response()


@route("GET", "/things/{name:path}/json")
async def inspect_thing(request: Request) -> Answer:
    return Response()


@route("GET", "/things/{name}/parts/{part}")
async def part(request: Request) -> Answer:
    return Response()


ROUTER = Router(None, [resource(inspect_thing, list_things, part)], "x")  # type: ignore[arg-type]  # not asked here


def test_a_pattern_without_path_goes_before_one_with() -> None:
    found = ROUTER.find("GET", "/things/json")
    assert found == (list_things, {})


def test_a_name_takes_one_part_of_a_path() -> None:
    assert ROUTER.find("GET", "/things/a/parts/b") == (part, {"name": "a", "part": "b"})
    assert ROUTER.find("GET", "/things/a/b/parts/c") is None
    assert ROUTER.find("GET", "/things//parts/b") is None
    assert ROUTER.find("POST", "/things/a/parts/b") is None


@given(st.text(min_size=1))
def test_an_images_name_arrives_as_it_was_sent(name: str) -> None:
    assert ROUTER.find("GET", f"/things/{name}/json") == (inspect_thing, {"name": name})


def test_two_handlers_for_one_request_are_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match="same method and pattern"):
        Router(None, [resource(list_things, list_things)], "x")  # type: ignore[arg-type]


def test_every_resource_of_the_daemon_fits_in_one_table() -> None:
    Router(None, RESOURCES, "x")  # type: ignore[arg-type]


@given(st.text())
def test_any_path_can_be_looked_for(path: str) -> None:
    bare, version = split_version("/" + path)
    assert ROUTER.find("GET", bare) is None or bare.startswith("/things/")
    assert set(version) <= set("0123456789.")


@pytest.mark.parametrize(
    ("version", "words"),
    [
        ("1.42", "client version 1.42 is too new. Maximum supported API version is 1.41"),
        ("9", "client version 9 is too new. Maximum supported API version is 1.41"),
        (
            "1.11",
            "client version 1.11 is too old. Minimum supported API version is 1.12, please upgrade your client to a "
            "newer version",
        ),
    ],
)
def test_a_version_that_is_not_spoken_is_refused_in_dockerds_words(version: str, words: str) -> None:
    with pytest.raises(BadParameter) as caught:
        check_version(version)
    assert caught.value.reason == words
    assert check_version("1.12") < check_version("1.30") < check_version("1.41")


@pytest.mark.parametrize(
    ("request_line", "status", "message"),
    [
        ("GET /nosuch", 404, "page not found"),
        ("PUT /version", 404, "page not found"),
        ("GET /v1.99/nosuch", 404, "page not found"),
        ("GET /v1.99/version", 400, "client version 1.99 is too new. Maximum supported API version is 1.41"),
        ("GET /images/nosuch/json", 404, "No such image: nosuch:latest"),
        ("GET /images/a/b:c/json", 404, "No such image: a/b:c"),
        ("GET /images/%61%2Fb:c/json", 404, "No such image: a/b:c"),
        ("GET /plugins/x/json", 404, 'plugin "x" not found'),
        ("GET /images/json?filters=%7B%22nosuch%22:%7B%22a%22:true%7D%7D", 400, "Invalid filter 'nosuch'"),
    ],
)
def test_refusals_are_worded_as_dockerd_words_them(
    daemon: Running, request_line: str, status: int, message: str
) -> None:
    answer = daemon.ask(f"{request_line} HTTP/1.1\r\nHost: d\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status)
    assert b"Content-Type: application/json\r\n" in head + b"\r\n"
    assert json.loads(body) == {"message": message}


def test_a_handler_that_fails_unforeseen_answers_500_and_the_next_request_is_served(serve) -> None:
    @route("GET", "/bug")
    async def bug(request: Request) -> Answer:
        raise ZeroDivisionError("oops")

    server = serve(resource(bug))
    for _ in range(2):
        assert b'{"message":"internal error: ZeroDivisionError: oops"}' in server.ask(b"GET /bug HTTP/1.0\r\n\r\n")


# dockerd 20.10 answered each of these so
@pytest.mark.parametrize("text", ["1", "true", "True", "TRUE", "t", "yes", "maybe", "2"])
def test_what_is_true(text: str) -> None:
    assert Query.parse(f"all={text}").flag("all")


@pytest.mark.parametrize("text", ["", "0", "no", "false", "False", "none", "None", " 0 "])
def test_what_is_false(text: str) -> None:
    assert not Query.parse(urlencode({"all": text})).flag("all", default=True)


def test_an_absent_flag_is_its_default() -> None:
    assert not Query.parse("").flag("all")
    assert Query.parse("").flag("stream", default=True)


@given(st.dictionaries(st.text(), st.lists(st.text(), unique=True)))
def test_both_forms_of_filters_mean_the_same(filters: dict[str, list[str]]) -> None:
    new_form = {name: dict.fromkeys(values, True) for name, values in filters.items()}
    expected = {name: tuple(values) for name, values in filters.items()}
    for form in (filters, new_form):
        assert Query.parse(f"filters={quote(json.dumps(form))}").filters() == expected


@given(st.text())
def test_whatever_a_client_sends_is_understood_or_refused(text: str) -> None:
    query = Query.parse(urlencode(dict.fromkeys(("filters", "n", "since"), text)))
    for read in (query.filters, lambda: query.number("n", 0), lambda: query.time_ns("since")):
        try:
            read()
        except BadParameter as error:
            assert error.reason  # noqa: PT017  that it is one is what counts


def test_filters_nested_without_end_are_refused() -> None:
    with pytest.raises(BadParameter):
        Query.parse("filters=" + "[" * 100_000).filters()


@given(st.integers(0, 10**12), st.integers(0, 10**9 - 1))
def test_a_time_with_a_fraction_is_exact_to_the_nanosecond(seconds: int, part_ns: int) -> None:
    assert Query.parse(f"since={seconds}.{part_ns:09}").time_ns("since") == seconds * 10**9 + part_ns
