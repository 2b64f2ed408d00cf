"""What is launched by every driver alike: one program of the host image, under one configuration."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from runtime.engine.configure import configure
from runtime.engine.session import Session
from runtime.image.host import HOST_IMAGE
from runtime.image.store import Image
from runtime.spec.config import Config, Process, Resources

LIMITS = Resources(memory_limit_bytes=256 << 20, cpus=2.0, pids_limit=256)
IDLE = ("sleep", "3600")


@dataclass(frozen=True, slots=True)
class Payload:
    """The program and its file system.

    Attributes
    ----------
    image : Image
        The host image.
    rootfs : str
        Its unpacked layer.
    config : Config
        Configuration of a container that runs the program.
    """

    image: Image
    rootfs: str
    config: Config

    def on_host(self) -> Process:
        """The same program of the same file, to be run without any isolation."""
        program, *arguments = self.config.process.args
        return Process((str(Path(self.rootfs, "usr/bin", program)), *arguments), self.config.process.env)


def prepare_payload(session: Session, command: tuple[str, ...]) -> Payload:
    """Assemble and unpack the host image, and configure a command of it, with limits where this user can set them."""
    image = session.find(HOST_IMAGE)
    (rootfs,) = session.images.layer_folders(image)
    resources = Resources() if session.host.cgroup is None else LIMITS
    return Payload(image, rootfs, configure(image.config, command, hostname="tare", resources=resources))
