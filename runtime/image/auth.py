"""How a registry asks for credentials, and how they are given: distribution-spec, *token authentication*. No I/O.

A client asks without any; the answer 401 names a scheme. ``Bearer`` means a token from another server, which may want
a name and password for it; ``Basic`` means the name and password themselves.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit

from runtime.errors import BadParameter, ImageError

_WORD = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PARAMETER = re.compile(rf'\s*,?\s*({_WORD})\s*=\s*(?:"((?:[^"\\]|\\.)*)"|({_WORD}))')
_SCHEME = re.compile(rf"\s*,?\s*({_WORD})(?:\s+|$)")
_HEADER_LIMIT_BYTES = 8192


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user's name and password for a registry."""

    username: str
    password: str

    @property
    def header(self) -> str:
        """Value of the Authorization header: RFC 7617."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()

    def __repr__(self) -> str:
        return f"Credentials({self.username!r})"  # a password is in no log


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way to authenticate that a registry offers: a scheme in lower case, and its parameters."""

    scheme: str
    parameters: dict[str, str]


def parse_challenges(header: str) -> list[Challenge]:
    """Parse a WWW-Authenticate header: RFC 9110, 11.6.1; what cannot be read ends the list.

    Examples
    --------
    >>> parse_challenges('Bearer realm="https://auth.example/token",service="registry"')[0].parameters["service"]
    'registry'
    """
    challenges = []
    position, header = 0, header[:_HEADER_LIMIT_BYTES]
    while (scheme := _SCHEME.match(header, position)) is not None:
        position = scheme.end()
        parameters = {}
        while (parameter := _PARAMETER.match(header, position)) is not None:
            name, quoted, plain = parameter.groups()
            parameters[name.lower()] = plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted)
            position = parameter.end()
        challenges.append(Challenge(scheme[1].lower(), parameters))
    return challenges


def token_url(challenge: Challenge, scope: str, *, plain_allowed: bool) -> str:
    """Where to get a token.

    Parameters
    ----------
    challenge : Challenge
        Of scheme ``bearer``.
    scope : str
        What it is for, such as ``repository:library/busybox:pull``.
    plain_allowed : bool
        Whether a password may go unencrypted: the registry itself is reached so.

    Raises
    ------
    ImageError
        The challenge names no server, or one that would get the password unencrypted.
    """
    realm = challenge.parameters.get("realm", "")
    url = urlsplit(realm)
    if url.scheme != "https" and not (plain_allowed and url.scheme == "http"):
        raise ImageError("authenticate at", realm, "the registry names no https address to get a token from")
    fields = {"service": challenge.parameters["service"]} if "service" in challenge.parameters else {}
    return f"{realm}{'&' if url.query else '?'}{urlencode(fields | {'scope': scope})}"


def parse_token(body: bytes, subject: str) -> str:
    """Read the answer of a token server.

    Raises
    ------
    ImageError
        It holds no token.
    """
    try:
        document = json.loads(body)
        token = document.get("token") or document["access_token"]
    except (ValueError, RecursionError, KeyError, AttributeError, TypeError) as error:
        raise ImageError("authenticate at", subject, "the answer holds no token") from error
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise ImageError("authenticate at", subject, "the token is not printable")
    return token


def parse_registry_auth(header: str) -> Credentials | None:
    """Read the X-Registry-Auth header of the Docker Engine API: a JSON object in base64url; None when it is empty.

    Raises
    ------
    BadParameter
        Of another form.
    """
    try:
        document = json.loads(base64.b64decode(header + "=" * (-len(header) % 4), b"-_", validate=True) or b"{}")
        username, password = document.get("username") or "", document.get("password") or ""
    except (binascii.Error, ValueError, RecursionError, AttributeError) as error:
        raise BadParameter("read", "X-Registry-Auth", f"invalid X-Registry-Auth header: {error}") from error
    return Credentials(str(username), str(password)) if username else None
