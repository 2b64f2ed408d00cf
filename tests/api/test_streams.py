"""Frames survive whatever pieces they arrive in; failures and events are what the docker command reads."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runtime.api.streams import (
    FRAME_BYTES_MAX,
    Channel,
    FrameDecoder,
    encode_event,
    encode_failure,
    encode_frame,
)
from runtime.engine.events import Event
from runtime.errors import SpecError

FRAMES = st.lists(st.tuples(st.sampled_from(Channel), st.binary(max_size=50)))


@given(FRAMES, st.lists(st.integers(1, 20), min_size=1))
def test_frames_are_found_again_in_any_pieces(frames: list[tuple[Channel, bytes]], sizes: list[int]) -> None:
    stream = b"".join(encode_frame(*frame) for frame in frames)
    decoder, found, position = FrameDecoder(), [], 0
    while position < len(stream):
        size = sizes[position % len(sizes)]
        found += decoder.feed(stream[position : position + size])
        position += size
    assert found == frames
    assert decoder.rest == b""


def test_half_a_frame_is_kept() -> None:
    decoder = FrameDecoder()
    assert list(decoder.feed(encode_frame(Channel.STDOUT, b"hello")[:-1])) == []
    assert decoder.rest.endswith(b"hell")


@pytest.mark.parametrize("header", ["0300000000000001", "0100010000000001", "01000000ffffffff", b"plain tty".hex()])
def test_what_is_no_frame_is_refused_before_memory_is_spent_on_it(header: str) -> None:
    assert FRAME_BYTES_MAX < 1 << 32
    with pytest.raises(SpecError, match="not a frame header"):
        list(FrameDecoder().feed(bytes.fromhex(header)))


def test_a_failure_carries_the_exit_code_that_the_client_ends_with() -> None:
    assert json.loads(encode_failure("no", 7)) == {"errorDetail": {"code": 7, "message": "no"}, "error": "no"}
    assert json.loads(encode_failure("no")) == {"errorDetail": {"message": "no"}, "error": "no"}


def test_an_event_has_both_the_new_and_the_old_fields() -> None:
    event = Event("container", "die", "5f2c", {"image": "busybox", "exitCode": "3"}, 1_700_000_000_123_456_789)
    assert json.loads(encode_event(event)) == {
        "status": "die",
        "id": "5f2c",
        "from": "busybox",
        "Type": "container",
        "Action": "die",
        "Actor": {"ID": "5f2c", "Attributes": {"image": "busybox", "exitCode": "3"}},
        "scope": "local",
        "time": 1_700_000_000,
        "timeNano": 1_700_000_000_123_456_789,
    }
