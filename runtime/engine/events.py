"""What happens in the engine, told to all who want to know: `docker events`.

The newest events lie in one ring. A subscriber is a position in it, not a queue of its own, so a slow one costs no
memory: it misses what has been overwritten, as it would with dockerd.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

RING_EVENTS = 1024

# These actions carry details after a colon; a filter may name them without
_DETAILED = ("exec_create", "exec_start", "health_status")

Filters = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened.

    Attributes
    ----------
    kind : str
        What it happened to: ``container``, ``image``, ``network``, ``volume``, ``daemon``, ``builder``.
    action : str
        What happened: ``start``, ``die``, ``pull``, ``exec_create: ls``.
    subject : str
        Identifier of the container, name of the volume.
    attributes : mapping of str to str
        Name, image, labels, exit code.
    time_ns : int
        Nanoseconds since 1970.
    """

    kind: str
    action: str
    subject: str
    attributes: Mapping[str, str] = field(default_factory=dict)
    time_ns: int = field(default_factory=time.time_ns)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form: `EventMessage` of the API description, with what older clients read."""
        document: dict[str, Any] = {}
        if self.kind in ("container", "image"):
            document |= {"status": self.action, "id": self.subject}
        if self.kind == "container" and "image" in self.attributes:
            document["from"] = self.attributes["image"]
        return document | {
            "Type": self.kind,
            "Action": self.action,
            "Actor": {"ID": self.subject, "Attributes": dict(self.attributes)},
            "scope": "local",
            "time": self.time_ns // 1_000_000_000,
            "timeNano": self.time_ns,
        }


def matches(event: Event, filters: Filters) -> bool:
    """Tell whether an event passes all filters; the values of one filter are alternatives.

    ``event``, ``type``, ``scope``, ``label`` and ``image`` are compared whole; ``container``, ``network``,
    ``volume``, ``plugin`` and ``daemon`` with the beginning of identifier or name. Others are let through.
    """
    return all(_MATCHERS[name](event, values) for name, values in filters.items() if values and name in _MATCHERS)


def _action(event: Event, wanted: tuple[str, ...]) -> bool:
    if any(value in _DETAILED for value in wanted):
        return event.action.startswith(wanted)
    return event.action in wanted


def _begins(event: Event, wanted: tuple[str, ...]) -> bool:
    return event.subject.startswith(wanted) or event.attributes.get("name", "").startswith(wanted)


def _of_kind(kind: str) -> Callable[[Event, tuple[str, ...]], bool]:
    return lambda event, wanted: event.kind == kind and _begins(event, wanted)


def _image(event: Event, wanted: tuple[str, ...]) -> bool:
    named = event.attributes.get("name" if event.kind == "image" else "image", "")
    names = {event.subject, named}
    return not (names | {_without_tag(name) for name in names}).isdisjoint(wanted)


def _without_tag(name: str) -> str:
    above, slash, last = name.partition("@")[0].rpartition("/")
    return above + slash + last.partition(":")[0]


def _label(event: Event, wanted: tuple[str, ...]) -> bool:
    for value in wanted:
        name, equals, content = value.partition("=")
        if name not in event.attributes or (equals and event.attributes[name] != content):
            return False
    return True


_MATCHERS: dict[str, Callable[[Event, tuple[str, ...]], bool]] = {
    "event": _action,
    "type": lambda event, wanted: event.kind in wanted,
    "scope": lambda event, wanted: "local" in wanted,
    "container": _begins,
    "plugin": _begins,
    "network": _begins,
    "volume": _begins,
    "daemon": _of_kind("daemon"),
    "image": _image,
    "label": _label,
}


class EventBus:
    """Takes events from the engine and gives them to subscribers, in order. To be used from the event loop alone."""

    def __init__(self) -> None:
        self._ring: deque[Event] = deque(maxlen=RING_EVENTS)
        self._published = 0
        self._waiting: set[asyncio.Event] = set()

    @property
    def subscribers(self) -> int:
        """How many are listening now."""
        return len(self._waiting)

    def publish(self, event: Event) -> None:
        """Add an event and wake the subscribers; never waits for them."""
        self._ring.append(event)
        self._published += 1
        for news in self._waiting:
            news.set()

    def past(self, since_ns: int, until_ns: int | None, filters: Filters) -> list[Event]:
        """Return remembered events of a span of time, both ends included, oldest first."""
        return [
            event
            for event in self._ring
            if since_ns <= event.time_ns and (until_ns is None or event.time_ns <= until_ns) and matches(event, filters)
        ]

    def subscribe(self, filters: Filters) -> AsyncGenerator[Event, None]:
        """Return the events to come, from this call on; for those before, see `past`.

        Close the generator (`contextlib.aclosing`) to end the subscription.
        """
        return self._follow(filters, self._published)

    async def _follow(self, filters: Filters, position: int) -> AsyncGenerator[Event, None]:
        news = asyncio.Event()
        self._waiting.add(news)
        try:
            while True:
                news.clear()
                oldest = self._published - len(self._ring)
                fresh = [self._ring[index - oldest] for index in range(max(position, oldest), self._published)]
                position = self._published
                for event in fresh:
                    if matches(event, filters):
                        yield event
                await news.wait()
        finally:
            self._waiting.discard(news)
