"""Blocking work in a thread: back-pressure both ways, errors, and an end when nobody waits any more."""

from __future__ import annotations

import asyncio
import contextlib
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest

from runtime.api.threads import QUEUE_ITEMS, AbandonedError, Download, Upload, Work


async def pieces(*values: bytes) -> AsyncIterator[bytes]:
    for value in values:
        yield value


def test_an_upload_is_read_and_a_download_is_written() -> None:
    async def scenario() -> list[bytes]:
        work: Work[bytes] = Work(lambda give: copy(upload, Download(give)))
        upload = work.upload(pieces(b"one", b"", b"two"))
        return [item async for item in work.results()]

    def copy(source: Upload, sink: Download) -> None:
        while data := source.read(2):
            sink.write(data)
        sink.flush()

    assert b"".join(asyncio.run(scenario())) == b"onetwo"


def test_an_error_of_the_thread_is_raised_after_what_it_gave() -> None:
    def function(give: Callable[[int], None]) -> None:
        give(1)
        raise ValueError("boom")

    async def scenario() -> None:
        results = Work(function).results()
        assert await anext(results) == 1
        with pytest.raises(ValueError, match="boom"):
            await anext(results)

    asyncio.run(scenario())


def test_the_thread_waits_for_a_slow_client_and_ends_when_it_has_gone() -> None:
    given = 0
    ended = threading.Event()

    def function(give: Callable[[int], None]) -> None:
        nonlocal given
        try:
            while True:
                give(given)
                given += 1
        except AbandonedError:
            ended.set()
            raise

    async def scenario() -> None:
        async with contextlib.aclosing(Work(function).results()) as results:
            assert await anext(results) == 0
            await asyncio.sleep(0.1)
            assert given <= QUEUE_ITEMS + 2

    asyncio.run(scenario())
    assert ended.is_set()


def test_a_thread_that_waits_for_an_upload_is_released() -> None:
    async def silence() -> AsyncIterator[bytes]:
        await asyncio.sleep(60)
        yield b""

    async def scenario() -> None:
        work: Work[bytes] = Work(lambda give: give(upload.read(1)))
        upload = work.upload(silence())
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1), contextlib.aclosing(work.results()) as results:
                await anext(results)

    started = time.monotonic()
    asyncio.run(scenario())
    assert time.monotonic() - started < 5
    assert not [thread for thread in threading.enumerate() if thread.name == "work"]
