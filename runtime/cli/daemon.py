"""``tare daemon``: serve the Docker Engine API."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click

from runtime.engine.session import default_root


@click.command()
@click.option("-H", "--host", metavar="unix://PATH", help="Where to listen; ROOT/run/tare.sock if not given.")
@click.option("--trace", is_flag=True, help="Print every request, its route, status and duration.")
def daemon(host: str | None, trace: bool) -> None:
    """Serve the Docker Engine API on a unix socket, for `docker`, docker-py and all who speak it.

    Containers go on when the daemon ends, whichever way; the next one takes them up again.
    """
    from runtime.api.message import Exchange
    from runtime.api.server import serve
    from runtime.engine.daemon import Daemon

    root = default_root()
    path = Path(host.removeprefix("unix://")) if host else root / "run" / "tare.sock"

    def tell(exchange: Exchange) -> None:
        click.echo(f"{exchange.method} {exchange.target} -> {exchange.route or 'no route'}: {exchange.status}")

    async def run() -> None:
        engine = Daemon(root)
        await engine.containers.open()
        click.echo(f"tare daemon: DOCKER_HOST=unix://{path}")
        try:
            await serve(engine, path, tell if trace else None)
        finally:
            engine.containers.close()

    asyncio.run(run())
