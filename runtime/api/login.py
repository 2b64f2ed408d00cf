"""Credentials: whether a registry takes them. They are kept by the client, never by the engine."""

from __future__ import annotations

import asyncio

from runtime.api.engine import Engine
from runtime.api.message import Answer, Request, json_response
from runtime.api.router import route
from runtime.image.auth import Credentials
from runtime.spec.reference import DEFAULT_DOMAIN


@route("POST", "/auth")
async def login(request: Request) -> Answer:
    """Ask a registry whether it takes a name and password."""
    document = await request.document()
    credentials = Credentials(str(document.get("username") or ""), str(document.get("password") or ""))
    domain = registry_domain(str(document.get("serveraddress") or ""))
    await asyncio.to_thread(_ask, request.engine, domain, credentials)
    return json_response({"IdentityToken": "", "Status": "Login Succeeded"})


def registry_domain(address: str) -> str:
    """Return the registry that an address means; Docker Hub's own is the default.

    Examples
    --------
    >>> registry_domain("http://127.0.0.1:5000/v2/"), registry_domain("https://index.docker.io/v1/")
    ('127.0.0.1:5000', 'docker.io')
    """
    domain = address.removeprefix("https://").removeprefix("http://").partition("/")[0]
    return DEFAULT_DOMAIN if domain in ("", "index.docker.io", "registry-1.docker.io") else domain


def _ask(engine: Engine, domain: str, credentials: Credentials) -> None:
    from runtime.image.connection import Connection

    connection = Connection(domain, credentials, insecure=engine.registries.is_insecure(domain))
    try:
        connection.ask("GET", "v2/", "")
    finally:
        connection.close()
