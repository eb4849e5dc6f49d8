"""Which certificates a sink trusts: the system's, or those of its `ca_file`."""

from __future__ import annotations

import ssl
from pathlib import Path

from anyio import to_thread

from daemon.clients import tls_context
from daemon.errors import FailureKind, RetryableError


async def trusting(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that verifies against them.  Raises RetryableError for a file that is no use now."""
    try:
        return await to_thread.run_sync(tls_context, ca_file)
    except OSError as error:
        detail = f"ca_file {ca_file}: {error.strerror or 'no certificates'}"
        raise RetryableError(FailureKind.CREDENTIALS, detail) from error
