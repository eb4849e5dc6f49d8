"""Alerts as lines of JSON in a file, flushed to the disk before they count as sent."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from daemon.sinks.appender import FileAppender
from daemon.sinks.base import Notice, SinkConfig, SinkContext
from daemon.sinks.text import json_line


class FileConfig(SinkConfig):
    """Appends to a file that may be renamed or removed at any time (logrotate) and shared with other processes."""

    type: Literal["file"]
    path: Path
    """Created with mode 0600 if missing, and so are its directories, with mode 0700."""


class FileSink:
    """One body a line; see FileAppender for what is promised."""

    def __init__(self, _name: str, config: FileConfig, _context: SinkContext) -> None:
        self._appender = FileAppender(config.path)

    async def open(self) -> None:
        """See Sink."""
        await self._appender.open()

    async def send(self, notice: Notice) -> None:
        """See Sink; runs to its end once it has begun, see FileAppender.append."""
        await self._appender.append(json_line(notice))

    async def check(self) -> str:
        """See Sink; creates the file where it is missing."""
        return await self._appender.open()

    async def close(self) -> None:
        """See Sink."""
        await self._appender.close()
