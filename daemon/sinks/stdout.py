"""Alerts on standard output: a line for people, or the body as a line of JSON for whoever pipes it on."""

from __future__ import annotations

import errno
import os
import select
from contextlib import suppress
from typing import Literal

from anyio import Lock, fail_after, to_thread, wait_writable

from daemon.errors import FailureKind, PermanentError, RetryableError
from daemon.sinks.base import Notice, SinkConfig, SinkContext
from daemon.sinks.facts import facts_of
from daemon.sinks.text import json_line, place, printable

_DESCRIPTOR = 1
_CLOSED = frozenset({errno.EPIPE, errno.EBADF})


class StdoutConfig(SinkConfig):
    """Writes to the standard output of the daemon; its log goes to standard error."""

    type: Literal["stdout"]
    format: Literal["text", "json"] = "text"
    """text: time, severity, rule, account/region, description and who did what, on one line; json: the body on one
    line."""


class _Output:
    """Whole lines, one after the other, from however many sinks: a process has one standard output."""

    def __init__(self) -> None:
        self._turn = Lock()
        self._begun = b""
        """What is left of a line that was begun and not finished in time."""

    async def write(self, line: bytes) -> None:
        """Finish the line begun before, then write this one; raises OSError.  Can be cancelled while nobody reads."""
        async with self._turn:
            await self._push(self._begun)
            await self._push(line)

    async def _push(self, data: bytes) -> None:
        while data:
            with suppress(PermissionError):  # From epoll, for a regular file: that always has room.
                await wait_writable(_DESCRIPTOR)
            # A pipe that has room takes this much without blocking.
            written = await to_thread.run_sync(os.write, _DESCRIPTOR, data[: select.PIPE_BUF])
            data = self._begun = data[written:]


_OUTPUT = _Output()


class StdoutSink:
    """A pipe nobody reads stops neither the event loop nor the daemon's end."""

    def __init__(self, _name: str, config: StdoutConfig, _context: SinkContext) -> None:
        self._line = json_line if config.format == "json" else _text_line
        self._timeout = config.timeout_seconds

    async def open(self) -> None:
        """See Sink; there is nothing to open."""

    async def send(self, notice: Notice) -> None:
        """See Sink.  A reader that is gone does not come back: PermanentError; one that is slow: RetryableError."""
        try:
            with fail_after(self._timeout):
                await _OUTPUT.write(self._line(notice) + b"\n")
        except TimeoutError as error:
            raise RetryableError(FailureKind.TIMEOUT, "nobody reads standard output") from error
        except OSError as error:
            detail = f"standard output: {error.strerror}"
            if error.errno in _CLOSED:
                # Not "unreachable": what that is said of is asked again and again until it is back.
                raise PermanentError(FailureKind.REFUSED, detail) from error
            raise RetryableError(FailureKind.UNREACHABLE, detail) from error

    async def check(self) -> str:
        """See Sink."""
        try:
            os.fstat(_DESCRIPTOR)
        except OSError as error:
            raise PermanentError(FailureKind.UNREACHABLE, f"standard output: {error.strerror}") from error
        return "standard output: open"

    async def close(self) -> None:
        """See Sink; standard output stays open for the rest of the process."""


def _text_line(notice: Notice) -> bytes:
    """Return the alert as a line for people; nothing an event says can end or colour it."""
    time, severity, facts = notice.event.time or "-", notice.severity.upper(), facts_of(notice).line()
    said = f"{time} {severity:<8} {notice.rule} {place(notice.event)} {notice.description}"
    return printable(f"{said} | {facts}" if facts else said).encode()
