"""A process of its own that appends: `python -m tests.sinks.append_lines <path> (<name> <lines> <other> | limited)`.

The first form says when it is ready, waits for a line on standard input, and writes numbered lines from eight tasks at
once, the second half of them once a line of the other process is there; the second form lets the file grow to 300 bytes
only, and prints how each of its three appends went, the last one after the limit was lifted.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import anyio

from daemon.errors import EffectError
from daemon.sinks.appender import FileAppender

TASKS = 8


async def append_numbered(path: Path, name: str, lines: int, other: str) -> None:
    """Append the lines, of sizes from a few bytes to 200 KB."""
    appender = FileAppender(path)
    mark = f'"from": "{other}"'.encode()

    async def some(first: int) -> None:
        for number in range(first, lines, TASKS):
            if number > lines // 2:
                while mark not in await anyio.Path(path).read_bytes():  # noqa: ASYNC110 - another process writes it
                    await anyio.sleep(0.01)
            padding = "x" * (number * number * 5 % 200_000)
            await appender.append(json.dumps({"from": name, "number": number, "padding": padding}).encode())

    print("ready", flush=True)
    sys.stdin.readline()
    async with anyio.create_task_group() as group:
        for first in range(TASKS):
            group.start_soon(some, first)
    await appender.close()


async def append_limited(path: Path) -> None:
    """Append within the limit, over it, and without it."""
    appender = FileAppender(path)
    outcomes: list[str] = []
    for line, limit in ((b'"fits"', 300), (b'"' + b"x" * 600 + b'"', 300), (b'"later"', resource.RLIM_INFINITY)):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            await appender.append(line)
            outcomes.append("written")
        except EffectError as error:
            outcomes.append(f"{type(error).__name__}: {error}")
    print(json.dumps(outcomes))


if __name__ == "__main__":
    target = Path(sys.argv[1])
    if sys.argv[2] == "limited":
        anyio.run(append_limited, target)
    else:
        anyio.run(append_numbered, target, sys.argv[2], int(sys.argv[3]), sys.argv[4])
