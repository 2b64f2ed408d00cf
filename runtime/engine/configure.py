"""From an image's defaults and a user's options to a container's configuration; pure."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

from runtime.errors import SpecError
from runtime.spec.config import DEFAULT_PATH, Config, Process, Resources, User
from runtime.spec.image import ImageConfig


def _is_id(text: str) -> bool:
    # the highest 32-bit number means "unchanged" to setresuid(2)
    return text.isascii() and text.isdigit() and int(text) < (1 << 32) - 1


def configure(
    image: ImageConfig,
    command: Sequence[str],
    *,
    env: Sequence[str] = (),
    workdir: str | None = None,
    user: str | None = None,
    hostname: str | None = None,
    resources: Resources = Resources(),  # noqa: B008  frozen
) -> Config:
    """Merge options into an image's defaults, by Docker's rules.

    Parameters
    ----------
    image : ImageConfig
        Supplies entry point, command, environment and working directory.
    command : sequence of str
        Replaces the image's command, and is appended to its entry point.
    env : sequence of str
        ``NAME=VALUE``; a later one of the same name wins.
    workdir, hostname : str or None
        None for the image's, and for a random name.
    user : str or None
        ``UID`` or ``UID:GID``.
    resources : Resources
        Limits.

    Raises
    ------
    SpecError
        No command anywhere, or an option that cannot be used.
    """
    for entry in env:
        if "=" not in entry or entry.startswith("="):
            raise SpecError("set variable", entry, "not of the form NAME=VALUE", "for example -e LANG=C")
    variables = {"PATH": DEFAULT_PATH, "HOME": "/root"}
    variables.update(entry.partition("=")[::2] for entry in (*image.env, *env) if "=" in entry)
    identity = User()
    if user is not None:
        uid, _, gid = user.partition(":")
        if not _is_id(uid) or not _is_id(gid or "0"):
            raise SpecError("run as user", user, "not of the form UID or UID:GID", "for example --user 1000:1000")
        identity = User(int(uid), int(gid or 0))
    process = Process(
        args=(*image.entrypoint, *(command or image.cmd)),
        env=tuple(f"{name}={value}" for name, value in variables.items()),
        cwd=workdir or image.working_dir or "/",
        user=identity,
    )
    return Config(process, secrets.token_hex(6) if hostname is None else hostname, resources)
