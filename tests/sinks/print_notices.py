"""A process of its own that prints: `python -m tests.sinks.print_notices <options as JSON> <size>`.

Sends one notice with a description of that size for each line on standard input, and says on standard error how that
went.  On uvloop, as the daemon: it does not tell of a pipe whose reader has gone as asyncio does.
"""

from __future__ import annotations

import json
import sys

import anyio

from daemon.clients import AwsClients, AwsSettings
from daemon.errors import EffectError
from tests.sinks.examples import notice
from tests.sinks.rigs import build_sink


async def print_notices(options: dict[str, object], size: int) -> None:
    """Send until standard input ends."""
    sink = build_sink(AwsClients(AwsSettings()), options)
    while await anyio.to_thread.run_sync(sys.stdin.readline):
        try:
            await sink.send(notice(description="x" * size))
            outcome = "sent"
        except EffectError as error:
            outcome = f"{type(error).__name__}: {error}"
        print(outcome, file=sys.stderr, flush=True)


if __name__ == "__main__":
    anyio.run(print_notices, json.loads(sys.argv[1]), int(sys.argv[2]), backend_options={"use_uvloop": True})
