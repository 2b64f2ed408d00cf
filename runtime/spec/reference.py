"""Image references: ``[domain/]name[:tag][@digest]``, with Docker's defaults (distribution, *reference*)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from runtime.errors import ImageError
from runtime.spec.digest import digest_hex

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")

DEFAULT_DOMAIN = "docker.io"


@dataclass(frozen=True, slots=True)
class Reference:
    """A parsed reference.

    Attributes
    ----------
    domain : str
        The registry; ``docker.io`` when none was named.
    path : str
        The repository within it; ``library/`` is put before a single name on ``docker.io``.
    tag : str or None
        None when only a digest was given.
    digest : str or None
        The manifest's digest.
    """

    domain: str
    path: str
    tag: str | None
    digest: str | None = None

    @property
    def familiar(self) -> str:
        """As users write it: without the default domain."""
        return self.familiar_name + self._suffix

    @property
    def familiar_name(self) -> str:
        """The repository as users write it: without the default domain, tag and digest."""
        return self.path.removeprefix("library/") if self.domain == DEFAULT_DOMAIN else self.name

    @property
    def name(self) -> str:
        """The repository: domain and path."""
        return f"{self.domain}/{self.path}"

    @property
    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def __str__(self) -> str:
        return self.name + self._suffix


def parse_reference(text: str) -> Reference:
    """Parse a reference.

    Raises
    ------
    ImageError
        Not a reference.

    Examples
    --------
    >>> str(parse_reference("busybox"))
    'docker.io/library/busybox:latest'
    >>> parse_reference("127.0.0.1:5000/team/app:1.2").tag
    '1.2'
    """
    hint = "a reference looks like name, name:tag or 127.0.0.1:5000/name:tag, all in lower case"
    remainder, _, digest = text.partition("@")
    if "@" in text:
        digest_hex(digest)
    head, slash, tail = remainder.partition("/")
    if len(text) == 64 and set(text) <= set("0123456789abcdef"):
        raise ImageError("read reference", text, "cannot be 64 hexadecimal digits, as image ids are", hint)
    if slash and (head == "localhost" or any(sign in head for sign in ".:")):
        domain, rest = head, tail
    else:
        domain, rest = DEFAULT_DOMAIN, remainder
    path, colon, tag = rest.partition(":")
    if domain == "index.docker.io":
        domain = DEFAULT_DOMAIN  # as Docker Hub was named once
    if domain == DEFAULT_DOMAIN and "/" not in path:
        path = f"library/{path}"
    valid = _DOMAIN.fullmatch(domain) and _NAME.fullmatch(path) and (not colon or _TAG.fullmatch(tag))
    if not valid or len(path) > 255:
        raise ImageError("read reference", text, "invalid reference format", hint)
    return Reference(domain, path, tag if colon else (None if digest else "latest"), digest or None)
