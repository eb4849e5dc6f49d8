"""Where an option says "take this from the event": a JSON path, checked when the configuration is loaded."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated

import orjson
from pydantic import AfterValidator

from daemon.event import Event
from daemon.json_path import JsonPath

compiled = lru_cache(maxsize=256)(JsonPath)
"""A path as it was read before."""


def _check_path(text: str) -> str:
    compiled(text)
    return text


EventPath = Annotated[str, AfterValidator(_check_path)]
"""A JSON path into the event: `$.detail.alarmName`."""


def texts_at(event: Event, *paths: EventPath | None) -> list[str | None]:
    """Return for each path the text or whole number there, as text; None for anything else, and where it is None."""
    if not any(paths):
        return [None] * len(paths)
    try:
        document = event.document()
    except orjson.JSONDecodeError:
        # Malformed where no rule looked: such an event is told of all the same.
        return [None] * len(paths)
    return [None if path is None else _text(compiled(path).select(document)) for path in paths]


def _text(found: object) -> str | None:
    return str(found) if isinstance(found, str | int) and not isinstance(found, bool) else None
