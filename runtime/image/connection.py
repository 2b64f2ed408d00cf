"""A connection to one registry: scheme, authentication, retries with back-off, and errors in Docker's words.

Nothing goes unencrypted or unverified except to this machine's own addresses and to the registries listed as insecure.
"""

from __future__ import annotations

import email.utils
import ipaddress
import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import NoReturn
from urllib.parse import urljoin, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3

from runtime.errors import ImageError, Unauthorized, Unavailable
from runtime.image.auth import Credentials, parse_challenges, parse_token, token_url
from runtime.spec.image import DOCUMENT_LIMIT_BYTES
from runtime.spec.reference import DEFAULT_DOMAIN

ATTEMPTS = 5
_BACK_OFF_SECONDS = 0.25  # doubled after each attempt
_TIMEOUT = urllib3.Timeout(connect=10, read=60)
_TRANSIENT = (408, 500, 502, 503, 504)
_LASTING = (urllib3.exceptions.SSLError, urllib3.exceptions.NameResolutionError)
_DOCKER_HUB = "registry-1.docker.io"  # where the images of docker.io are served from


@dataclass(frozen=True, slots=True)
class Registries:
    """How registries are reached.

    Attributes
    ----------
    insecure : tuple of str
        Domains, with port, that may be spoken to unencrypted or with a certificate that nobody vouches for. This
        machine's own addresses are so always.
    mirrors : tuple of str
        Asked before Docker Hub, in this order: addresses such as ``http://127.0.0.1:5000``.
    """

    insecure: tuple[str, ...] = ()
    mirrors: tuple[str, ...] = ()

    def is_insecure(self, domain: str) -> bool:
        """Whether a domain, with port, may be spoken to unencrypted."""
        return domain in self.insecure or is_loopback(domain)


@dataclass(frozen=True, slots=True)
class Answer:
    """A small answer: its status, its headers (any case), its body."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def is_loopback(domain: str) -> bool:
    """Whether a domain, with or without port, is this machine itself."""
    host = urlsplit(f"//{domain}").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Connection:
    """A connection to one registry.

    Parameters
    ----------
    domain : str
        With port where it is not the scheme's; ``docker.io`` means Docker Hub.
    credentials : Credentials or None
        Given only when the registry asks.
    insecure : bool
        Whether it may be unencrypted; see `Registries`.
    scheme : str or None
        When it is known, as a mirror's; else https is tried, or both where insecure is allowed.
    """

    def __init__(
        self, domain: str, credentials: Credentials | None = None, *, insecure: bool = False, scheme: str | None = None
    ) -> None:
        self.domain = domain
        self._host = _DOCKER_HUB if domain == DEFAULT_DOMAIN else domain
        self._credentials = credentials
        self._insecure = insecure
        self._schemes: tuple[str, ...] = (scheme,) if scheme else ("https",)
        if insecure and not scheme:
            self._schemes = ("http", "https") if is_loopback(domain) else ("https", "http")
        self._base: str | None = None
        self._tokens: dict[str, str] = {}  # Authorization header by scope
        self._pool = self._make_pool()

    def _make_pool(self) -> urllib3.PoolManager:
        # redirections lead to other hosts: urllib3 takes the Authorization header off
        if self._insecure:
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)  # the user listed it
        make: Callable[..., urllib3.PoolManager] = urllib3.PoolManager
        proxy = getproxies().get(self._schemes[0])
        if proxy and not is_loopback(self.domain) and not proxy_bypass(self._host):
            make = partial(urllib3.ProxyManager, proxy)
        return make(
            timeout=_TIMEOUT,
            retries=urllib3.Retry(total=None, connect=0, read=0, redirect=5, status=0, other=0),
            cert_reqs="CERT_NONE" if self._insecure else "CERT_REQUIRED",
            maxsize=4,
        )

    def close(self) -> None:
        """Close all sockets."""
        self._pool.clear()

    def ask(
        self,
        method: str,
        path: str,
        scope: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        expected: Iterable[int] = (200,),
        attempts: int = ATTEMPTS,
    ) -> Answer:
        """Ask as `request` does, and read the answer, which is small."""
        response = self.request(method, path, scope, headers=headers, body=body, expected=expected, attempts=attempts)
        try:
            return Answer(response.status, response.headers, _read(response))
        except urllib3.exceptions.HTTPError as error:
            raise Unavailable("reach registry", self.domain, _reason(error), "try again") from error

    def request(
        self,
        method: str,
        path: str,
        scope: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        expected: Iterable[int] = (200,),
        attempts: int = ATTEMPTS,
    ) -> urllib3.BaseHTTPResponse:
        """Ask, once more where that may help, and return the answer with its body to be read.

        Parameters
        ----------
        path : str
            Below the registry's root, or a whole address that it gave.
        scope : str
            What a token must allow, such as ``repository:library/busybox:pull``.
        expected : iterable of int
            Statuses to return; all others are errors.
        attempts : int
            At least 1; with 1, it is asked once.

        Raises
        ------
        Unauthorized, Unavailable, ImageError
            The registry refuses, limits the number of requests, or cannot be reached.
        """
        url = urljoin(self._base_url(), path)
        own = urlsplit(url)[:2] == urlsplit(self._base_url())[:2]  # an upload may go to another host
        asked = not own
        reason = ""
        for attempt in range(attempts):
            back_off(attempt)
            try:
                response = self._send(method, url, scope if own else None, headers, body)
                if response.status == 401 and not asked:
                    asked = True  # a token may have run out, too
                    _read(response)
                    self._authenticate(response.headers.get("WWW-Authenticate", ""), scope)
                    response = self._send(method, url, scope, headers, body)
                if response.status in expected:
                    return response
                data = _read(response)
            except urllib3.exceptions.HTTPError as error:
                reason = _reason(error)
                if isinstance(getattr(error, "reason", error), _LASTING):
                    break
                continue
            if response.status not in _TRANSIENT:
                self._refuse(response, data, url)
            reason = f"the registry answered {response.status}"
        raise Unavailable("reach registry", self.domain, f"{method} {url}: {reason}", "is the registry running?")

    def _send(
        self, method: str, url: str, scope: str | None, headers: Mapping[str, str] | None, body: bytes | None
    ) -> urllib3.BaseHTTPResponse:
        sent = {"User-Agent": "tare", **(headers or {})}
        if scope in self._tokens:
            sent["Authorization"] = self._tokens[scope]
        return self._pool.request(method, url, headers=sent, body=body, preload_content=False, decode_content=False)

    def _base_url(self) -> str:
        """Find out the scheme, where several are allowed."""
        if self._base is None:
            for scheme in self._schemes:
                url = f"{scheme}://{self._host}/"
                if scheme == self._schemes[-1]:
                    break
                try:
                    answer = self._pool.request("GET", f"{url}v2/", timeout=_TIMEOUT)
                except urllib3.exceptions.HTTPError:
                    continue
                if answer.status != 400:  # what servers say to http where they expect TLS
                    break
            self._base = url
        return self._base

    def _authenticate(self, header: str, scope: str) -> None:
        """Answer a registry's challenge, by a token rather than by the password itself."""
        challenges = {challenge.scheme: challenge for challenge in parse_challenges(header)}
        if "bearer" in challenges:
            url = token_url(challenges["bearer"], scope, plain_allowed=self._insecure)
            given = {"Authorization": self._credentials.header} if self._credentials else {}
            response = self._pool.request("GET", url, headers=given, preload_content=False)
            data = _read(response)
            if response.status != 200:
                self._refuse(response, data, url)
            self._tokens[scope] = f"Bearer {parse_token(data, url)}"
        elif "basic" in challenges and self._credentials:
            self._tokens[scope] = self._credentials.header

    def _refuse(self, response: urllib3.BaseHTTPResponse, data: bytes, url: str) -> NoReturn:
        said = _error_words(data)
        if response.status == 429:
            wait = retry_after_seconds(response.headers.get("Retry-After", ""))
            reason = said or "toomanyrequests: the registry limits how often it is asked"
            when = f"; try again in {wait} s" if wait is not None else ""
            raise Unavailable("ask registry", self.domain, f"{reason}{when}", "log in, or use a mirror")
        if response.status in (401, 403):
            reason = said or "unauthorized: authentication required"
            raise Unauthorized("ask registry", self.domain, reason, f"docker login {self.domain}")
        raise ImageError("ask registry", self.domain, f"{url}: {response.status} {said}".rstrip())


def back_off(attempt: int) -> None:
    """Wait before an attempt, the longer the more there were; not at all before the first, number 0."""
    if attempt:
        time.sleep(_BACK_OFF_SECONDS * 2 ** (attempt - 1))


def retry_after_seconds(header: str) -> int | None:
    """Read a Retry-After header, seconds or a date (RFC 9110, 10.2.3); None when it says nothing."""
    if header.strip().isascii() and header.strip().isdigit():
        return int(header)
    try:
        return max(0, round(email.utils.parsedate_to_datetime(header).timestamp() - time.time()))
    except (ValueError, TypeError):
        return None


def _read(response: urllib3.BaseHTTPResponse) -> bytes:
    """Read a small body whole.

    Raises
    ------
    ImageError
        It is larger than any document.
    """
    body = response.read(DOCUMENT_LIMIT_BYTES + 1)
    if len(body) > DOCUMENT_LIMIT_BYTES:
        response.close()
        raise ImageError("ask registry", response.geturl() or "", "the answer is too large")
    response.release_conn()
    return body


def _error_words(body: bytes) -> str:
    """Words of the distribution specification's error document."""
    try:
        return "; ".join(f"{entry['code']}: {entry.get('message', '')}".lower() for entry in json.loads(body)["errors"])
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
        return ""


def _reason(error: urllib3.exceptions.HTTPError) -> str:
    cause: BaseException = error
    while isinstance(cause, urllib3.exceptions.HTTPError) and cause.__context__ is not None:
        cause = cause.__context__
    text = cause.strerror if isinstance(cause, OSError) and cause.strerror else str(cause)
    return (text or type(error).__name__).lower()
