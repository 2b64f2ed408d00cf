"""The bus: what is past is remembered so far, what comes is told in order, and nobody who is slow holds it up."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from runtime.engine.events import RING_EVENTS, Event, EventBus, matches

DIE = Event("container", "die", "5f2c" + "0" * 60, {"name": "web", "image": "127.0.0.1:5000/nginx:1", "tier": "front"})
EXEC = Event("container", "exec_create: ls -l", "5f2c", {"name": "web"})
PULL = Event("image", "pull", "busybox:latest", {"name": "busybox"})


@pytest.mark.parametrize(
    ("filters", "passes"),
    [
        ({}, True),
        ({"event": ("die", "start")}, True),
        ({"event": ("di",)}, False),
        ({"type": ("image",)}, False),
        ({"container": ("5f2c",)}, True),
        ({"container": ("web",)}, True),
        ({"container": ("web2",)}, False),
        ({"image": ("127.0.0.1:5000/nginx",)}, True),
        ({"image": ("127.0.0.1:5000/nginx:1",)}, True),
        ({"image": ("nginx",)}, False),
        ({"label": ("tier=front",)}, True),
        ({"label": ("tier", "other")}, False),
        ({"label": ("tier=back",)}, False),
        ({"scope": ("swarm",)}, False),
        ({"event": ("die",), "container": ("other",)}, False),
        ({"what nobody knows": ("x",)}, True),
    ],
)
def test_filters(filters: dict[str, tuple[str, ...]], passes: bool) -> None:
    assert matches(DIE, filters) is passes


def test_an_action_with_details_is_found_without_them() -> None:
    assert matches(EXEC, {"event": ("exec_create",)})
    assert matches(EXEC, {"event": ("exec_create: ls -l",)})
    assert matches(PULL, {"image": ("busybox",)})


def test_a_subscriber_hears_what_comes_after_it_subscribed_in_order() -> None:
    async def scenario() -> list[str]:
        bus = EventBus()
        bus.publish(DIE)
        async with contextlib.aclosing(bus.subscribe({})) as events:
            bus.publish(Event("volume", "create", "1"))
            bus.publish(Event("volume", "create", "2"))
            heard = [(await anext(events)).subject]
            bus.publish(Event("volume", "create", "3"))
            heard += [(await anext(events)).subject for _ in range(2)]
            assert bus.subscribers == 1
        assert bus.subscribers == 0
        return heard

    assert asyncio.run(scenario()) == ["1", "2", "3"]


def test_a_slow_subscriber_misses_the_oldest_and_costs_no_memory() -> None:
    async def scenario() -> tuple[str, str]:
        bus = EventBus()
        async with contextlib.aclosing(bus.subscribe({})) as events:
            for number in range(3 * RING_EVENTS):
                bus.publish(Event("volume", "create", str(number)))
            heard = [(await anext(events)).subject for _ in range(RING_EVENTS)]
        return heard[0], heard[-1]

    assert asyncio.run(scenario()) == (str(2 * RING_EVENTS), str(3 * RING_EVENTS - 1))


def test_the_past_has_a_beginning_and_an_end() -> None:
    bus = EventBus()
    for moment in (10, 20, 30):
        bus.publish(Event("volume", "create", "v", time_ns=moment))
    assert [event.time_ns for event in bus.past(20, None, {})] == [20, 30]
    assert [event.time_ns for event in bus.past(0, 20, {})] == [10, 20]
    assert bus.past(0, None, {"type": ("network",)}) == []
