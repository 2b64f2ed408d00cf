"""Between the event loop and a thread that does blocking work: results out, an upload in, both with back-pressure."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Generic, TypeVar

T = TypeVar("T")

QUEUE_ITEMS = 16
PIECE_BYTES = 256 * 1024


class AbandonedError(Exception):
    """Raised in a thread whose work nobody waits for any more: the client has gone."""


class _End:
    """The last thing that a thread says."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


class Work(Generic[T]):
    """Blocking work in a thread of its own, as an asynchronous generator of what it gives.

    A thread of its own and not one of a pool: a client that reads slowly holds it as long as it likes.

    Parameters
    ----------
    function : callable
        Called in the thread with `give`; what it gives is yielded. `give` waits when the client is slow, and raises
        `AbandonedError` when the client has gone, which the function is to let pass.
    """

    def __init__(self, function: Callable[[Callable[[T], None]], None]) -> None:
        self._function = function
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[T | _End] = asyncio.Queue(QUEUE_ITEMS)
        self._abandoned = False
        self._uploads: list[Upload] = []

    def upload(self, body: AsyncIterator[bytes]) -> Upload:
        """Return a request's body as a file that the function can read in its thread."""
        upload = Upload(body, self._loop)
        self._uploads.append(upload)
        return upload

    async def results(self) -> AsyncGenerator[T, None]:
        """Start the thread and yield what it gives; raises what it raises.

        Closed or cancelled, it makes the thread's next `give` or read raise, and waits for the thread to end.
        """
        threading.Thread(target=self._run, name="work", daemon=True).start()
        ended = False
        try:
            while True:
                item = await self._queue.get()
                if isinstance(item, _End):
                    ended = True
                    if item.error is not None:
                        raise item.error
                    return
                yield item
        finally:
            self._abandoned = True
            for upload in self._uploads:
                upload.abandon()
            while not ended:
                ended = isinstance(await self._queue.get(), _End)

    def _run(self) -> None:
        end = _End(None)
        try:
            self._function(self._give)
        except BaseException as error:
            end = _End(error)
        asyncio.run_coroutine_threadsafe(self._queue.put(end), self._loop)

    def _give(self, item: T) -> None:
        if self._abandoned:
            raise AbandonedError
        asyncio.run_coroutine_threadsafe(self._queue.put(item), self._loop).result()


class Upload:
    """A request's body as a file for one thread to read once, from front to back."""

    def __init__(self, body: AsyncIterator[bytes], loop: asyncio.AbstractEventLoop) -> None:
        self._body = body
        self._loop = loop
        self._piece = memoryview(b"")
        self._arriving: concurrent.futures.Future[bytes] | None = None
        self._abandoned = False

    def abandon(self) -> None:
        """Make the read that waits now, and every later one, raise `AbandonedError`. From the event loop."""
        self._abandoned = True
        if self._arriving is not None:
            self._arriving.cancel()

    def read(self, size_bytes: int, /) -> bytes:
        """Read at least one byte and at most so many, waiting for them; nothing at the end of the body."""
        if not self._piece:
            self._piece = memoryview(self._next())
        piece, self._piece = self._piece[:size_bytes], self._piece[size_bytes:]
        return bytes(piece)

    def _next(self) -> bytes:
        if not self._abandoned:
            self._arriving = asyncio.run_coroutine_threadsafe(self._await_next(), self._loop)
            try:
                return self._arriving.result()
            except concurrent.futures.CancelledError as error:
                raise AbandonedError from error
        raise AbandonedError

    async def _await_next(self) -> bytes:
        async for piece in self._body:
            if piece:
                return piece
        return b""


class Download:
    """A file for a thread to write to, whose content goes to the client in pieces worth sending.

    Parameters
    ----------
    give : callable
        As a `Work`'s function gets it.
    """

    def __init__(self, give: Callable[[bytes], None]) -> None:
        self._give = give
        self._pending = bytearray()

    def write(self, data: bytes, /) -> int:
        """Take some bytes, waiting while the client is slow."""
        self._pending += data
        if len(self._pending) >= PIECE_BYTES:
            self.flush()
        return len(data)

    def flush(self) -> None:
        """Send what was written; to be called at the end."""
        if self._pending:
            self._give(bytes(self._pending))
            self._pending.clear()
