"""What a registry offers: the OCI distribution specification's API, one method for each thing that it does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO
from urllib.parse import quote, urlencode, urljoin, urlsplit

import urllib3

from runtime.errors import ImageError, NotFound, Unavailable
from runtime.image.auth import Credentials
from runtime.image.connection import ATTEMPTS, Connection, Registries
from runtime.spec.digest import sha256_digest
from runtime.spec.image import INDEXES, MANIFESTS, Descriptor
from runtime.spec.reference import Reference

_ACCEPT = ", ".join((*MANIFESTS, *INDEXES))
_READ_BYTES = 256 << 10
_UPLOAD_BYTES = 4 << 20  # sent at once, and held in memory meanwhile


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or an index as a registry sent it, verified."""

    descriptor: Descriptor
    data: bytes


class Registry:
    """One registry.

    Parameters
    ----------
    domain : str
        With port where it is not the usual one.
    registries : Registries
        How it may be reached.
    credentials : Credentials or None
        Given when it asks.
    mirror : str or None
        Address of a mirror to speak to in its place, without credentials.
    """

    def __init__(
        self, domain: str, registries: Registries, credentials: Credentials | None = None, mirror: str | None = None
    ) -> None:
        scheme = None
        if mirror is not None:
            scheme, _, rest = mirror.partition("://")
            domain = rest.rstrip("/")
        insecure = scheme == "http" or registries.is_insecure(domain)
        self._connection = Connection(domain, credentials, insecure=insecure, scheme=scheme)
        self.domain = domain

    def __enter__(self) -> Registry:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._connection.close()

    def manifest(self, reference: Reference, digest: str | None = None) -> Document:
        """Get a manifest or an index.

        Parameters
        ----------
        digest : str or None
            Which one, by digest; else what the reference names.

        Raises
        ------
        NotFound
            The registry has none.
        ImageError
            Its digest is not the one that was asked for, or its media type is not supported.
        """
        wanted = digest or reference.digest
        path = f"v2/{quote(reference.path)}/manifests/{wanted or reference.tag}"
        scope = _scope(reference.path, "pull")
        answer = self._connection.ask("GET", path, scope, headers={"Accept": _ACCEPT}, expected=(200, 404))
        if answer.status == 404:
            raise NotFound("manifest", reference.familiar)
        got = sha256_digest(answer.body)
        if wanted is not None and got != wanted:
            raise ImageError("pull manifest", wanted, "what the registry sent does not match the digest", "pull again")
        media_type = answer.headers.get("Content-Type", "").partition(";")[0].strip()
        if media_type not in (*MANIFESTS, *INDEXES):
            hint = "the image is older than schema 2, push it again" if "v1" in media_type else ""
            raise ImageError("pull manifest", reference.familiar, f"media type '{media_type}' is not supported", hint)
        return Document(Descriptor(media_type, got, len(answer.body)), answer.body)

    def blob(self, path: str, descriptor: Descriptor, offset: int) -> tuple[int, Iterator[bytes]]:
        """Get a blob, from an offset on; see `runtime.image.blobs.Fetch`.

        The content breaks off silently where the connection does.
        """
        headers = {"Range": f"bytes={offset}-"} if offset else {}
        response = self._connection.request(
            "GET",
            f"v2/{quote(path)}/blobs/{descriptor.digest}",
            _scope(path, "pull"),
            headers=headers,
            expected=(200, 206, 416),
        )
        begins = response.headers.get("Content-Range", "").partition("-")[0].removeprefix("bytes ").strip()
        if response.status == 416 or (response.status == 206 and begins != str(offset)):
            response.close()
            if not offset:
                raise ImageError("pull blob", descriptor.digest, f"the registry answered {response.status}")
            return self.blob(path, descriptor, 0)
        return (offset if response.status == 206 else 0), _content(response)

    def has_blob(self, path: str, descriptor: Descriptor) -> bool:
        """Whether the registry has a blob in a repository."""
        url = f"v2/{quote(path)}/blobs/{descriptor.digest}"
        return self._connection.ask("HEAD", url, _scope(path, "pull,push"), expected=(200, 404)).status == 200

    def mount(self, path: str, descriptor: Descriptor, source: str) -> bool:
        """Take a blob over from another repository of the registry; whether that worked."""
        query = urlencode({"mount": descriptor.digest, "from": source})
        scope = f"{_scope(path, 'pull,push')} {_scope(source, 'pull')}"
        answer = self._connection.ask("POST", f"v2/{quote(path)}/blobs/uploads/?{query}", scope, expected=(201, 202))
        if answer.status == 202:  # it began an upload in place of that
            self._connection.ask("DELETE", answer.headers.get("Location", ""), scope, expected=(204, 404, 405))
        return answer.status == 201

    def upload(self, path: str, descriptor: Descriptor, file: BinaryIO, report: Callable[[int], None]) -> None:
        """Upload a blob in chunks; a chunk that did not arrive is sent again from where the registry has it.

        Parameters
        ----------
        report : callable
            Told how many bytes have arrived, after each chunk.

        Raises
        ------
        ImageError
            The registry refuses it.
        """
        scope = _scope(path, "pull,push")
        answer = self._connection.ask("POST", f"v2/{quote(path)}/blobs/uploads/", scope, expected=(202,))
        location = answer.headers.get("Location", "")
        done = lost = 0
        while done < descriptor.size_bytes:
            file.seek(done)
            chunk = file.read(_UPLOAD_BYTES)
            if not chunk:
                raise ImageError("push blob", descriptor.digest, "it is shorter than its size", "tare system check")
            headers = {"Content-Type": "application/octet-stream", "Content-Range": f"{done}-{done + len(chunk) - 1}"}
            try:
                answer = self._connection.ask(
                    "PATCH", location, scope, headers=headers, body=chunk, expected=(202,), attempts=1
                )
                done += len(chunk)
            except Unavailable:
                if (lost := lost + 1) >= ATTEMPTS:
                    raise
                answer = self._connection.ask("GET", location, scope, expected=(204,))
                arrived = answer.headers.get("Range", "").partition("-")[2]
                done = int(arrived) + 1 if arrived.isdigit() and arrived != "0" else 0
            location = urljoin(location, answer.headers.get("Location", ""))
            report(done)
        joint = "&" if urlsplit(location).query else "?"
        url = f"{location}{joint}{urlencode({'digest': descriptor.digest})}"
        self._connection.ask("PUT", url, scope, headers={"Content-Length": "0"}, expected=(201,))

    def put_manifest(self, reference: Reference, document: Document) -> None:
        """Upload a manifest and let the reference name it.

        Raises
        ------
        ImageError
            The registry refuses it.
        """
        path = f"v2/{quote(reference.path)}/manifests/{reference.tag or document.descriptor.digest}"
        headers = {"Content-Type": document.descriptor.media_type}
        scope = _scope(reference.path, "pull,push")
        self._connection.ask("PUT", path, scope, headers=headers, body=document.data, expected=(201, 202))


def _scope(path: str, actions: str) -> str:
    return f"repository:{path}:{actions}"


def _content(response: urllib3.BaseHTTPResponse) -> Iterator[bytes]:
    try:
        yield from response.stream(_READ_BYTES, decode_content=False)
    except urllib3.exceptions.HTTPError:
        return  # the receiver knows how much there should be, and asks for the rest
    finally:
        response.close()
