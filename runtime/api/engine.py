"""What the API asks of an engine, beside what the resource modules ask of its parts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from runtime.engine.containers import Containers
from runtime.engine.events import EventBus
from runtime.image.removal import ImageUse
from runtime.image.store import ImageStore

if TYPE_CHECKING:  # the client of registries is imported when one is first spoken to
    from runtime.image.connection import Registries


class Engine(Protocol):
    """The engine behind the API: ``request.engine`` of every handler."""

    @property
    def events(self) -> EventBus:
        """What happened, and what happens."""

    @property
    def images(self) -> ImageStore:
        """The images of this engine."""

    @property
    def registries(self) -> Registries:
        """How registries are reached."""

    def info(self) -> dict[str, Any]:
        """Describe host and engine: `SystemInfo` of the API description."""

    def version(self) -> dict[str, Any]:
        """Describe the program: `SystemVersion` of the API description, without the API's own versions."""

    async def disk_usage(self) -> dict[str, Any]:
        """Tell what is on disk: `SystemDataUsageResponse` of the API description."""

    def image_uses(self) -> Sequence[ImageUse]:
        """Tell which containers use which images; called in the event loop."""

    @property
    def containers(self) -> Containers:
        """The containers of this engine."""
