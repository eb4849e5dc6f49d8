"""/metrics, /livez and /readyz over HTTP, served by a thread with an event loop of its own.

app.py opens it.  A thread, so that a stuck main loop can still be told from a dead process: /livez answers 503 then.
Listens on 127.0.0.1 unless told otherwise; docs/operations.md says when that is right.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web
from aiohttp.http import HttpProcessingError
from anyio.from_thread import start_blocking_portal
from prometheus_client.exposition import choose_encoder

from daemon.errors import ConfigError
from daemon.telemetry.health import Health
from daemon.telemetry.metrics import Metrics

SERVER_LOG = logging.getLogger("vigild.http")
"""What goes wrong in our own servers; not what clients send: no byte of theirs stands in the log."""


def _is_not_the_clients_fault(record: logging.LogRecord) -> bool:
    return not (record.exc_info and isinstance(record.exc_info[1], HttpProcessingError))


SERVER_LOG.addFilter(_is_not_the_clients_fault)


def _application(metrics: Metrics, health: Health) -> web.Application:
    async def show_metrics(request: web.Request) -> web.Response:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(metrics.registry), headers={"Content-Type": content_type})

    async def livez(_: web.Request) -> web.Response:
        live, text = health.live()
        return web.Response(text=text + "\n", status=200 if live else 503)

    async def readyz(_: web.Request) -> web.Response:
        ready, text = health.ready()
        return web.Response(text=text + "\n", status=200 if ready else 503)

    application = web.Application(client_max_size=1)
    application.router.add_get("/metrics", show_metrics)
    application.router.add_get("/livez", livez)
    application.router.add_get("/readyz", readyz)
    return application


@contextmanager
def serve_endpoints(host: str, port: int, metrics: Metrics, health: Health) -> Iterator[int]:
    """Serve until the block ends; yield the port (the one asked for, or a free one for 0).

    Raises ConfigError where the address cannot be bound.
    """
    with start_blocking_portal("asyncio") as portal:
        runner = web.AppRunner(
            _application(metrics, health),
            logger=SERVER_LOG,
            access_log=None,
            keepalive_timeout=30,
            shutdown_timeout=1.0,
        )
        portal.call(runner.setup)
        try:
            try:
                portal.call(web.TCPSite(runner, host, port).start)
            except OSError as error:
                raise ConfigError(f"telemetry.listen: cannot bind {host}:{port}: {error.strerror}") from error
            yield int(runner.addresses[0][1])
        finally:
            portal.call(runner.cleanup)
