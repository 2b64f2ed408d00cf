"""Content digests: image-spec descriptor.md, *Digests*."""

from __future__ import annotations

import hashlib
import re

from runtime.errors import ImageError

_FORM = re.compile(r"sha256:[0-9a-f]{64}")


def sha256_digest(data: bytes) -> str:
    """Digest of some content, as ``sha256:HEX``."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def digest_hex(digest: str) -> str:
    """The hexadecimal part of a digest.

    Raises
    ------
    ImageError
        Not a SHA-256 digest; the text is never used as a path before this check.
    """
    if not isinstance(digest, str) or not _FORM.fullmatch(digest):
        raise ImageError("read digest", digest, "not of the form sha256:HEX with 64 digits")
    return digest.removeprefix("sha256:")


def chain_ids(diff_ids: tuple[str, ...]) -> tuple[str, ...]:
    """Identify each layer together with all below it: image-spec config.md, *Layer ChainID*.

    Parameters
    ----------
    diff_ids : tuple of str
        Digests of the uncompressed layers, lowest first.

    Returns
    -------
    tuple of str
        As many chain ids; two images share an unpacked layer exactly when they share its chain id.
    """
    chain: list[str] = []
    for diff_id in diff_ids:
        chain.append(sha256_digest(f"{chain[-1]} {diff_id}".encode()) if chain else diff_id)
    return tuple(chain)
