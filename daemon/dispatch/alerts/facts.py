"""What grouping, silences and maintenance windows go by: a few facts of an alert.  target.py takes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import orjson

from daemon.dispatch.plan import Intent
from daemon.event import Event
from daemon.json_path import MISSING, JsonPath
from daemon.sinks.base import Severity

_LONGEST_FACT = 256
"""Characters of what an event says; more of it is cut, so that groups stay small."""
_MOST_RESOURCES = 50


class _Head(msgspec.Struct):
    """Of an event, whose fields may be of any type."""

    source: Any = ""
    detail_type: Any = msgspec.field(name="detail-type", default="")
    account: Any = ""
    region: Any = ""
    resources: Any = ()


_HEAD = msgspec.json.Decoder(_Head)
_NO_HEAD = _Head()


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One alert, as far as hygiene looks at it; what is missing, or no text, is empty."""

    target: str
    rule: str
    severity: Severity
    source: str
    detail_type: str
    account: str
    region: str
    resources: tuple[str, ...]
    event: Event

    def at(self, paths: Sequence[JsonPath]) -> list[str]:
        """Return what stands at these paths, as texts."""
        document = _document(self.event) if paths else {}
        return [_text_of(path.select(document)) for path in paths]


def alert_of(intent: Intent) -> Alert:
    """Return the facts of an intent's alert; never raises for what an event holds."""
    try:
        head = _HEAD.decode(intent.event.body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        head = _NO_HEAD
    resources = head.resources if isinstance(head.resources, list | tuple) else ()
    return Alert(
        target=intent.route.target,
        rule=intent.rule.name,
        severity=intent.rule.headline.severity,
        source=_text(head.source),
        detail_type=_text(head.detail_type),
        account=_text(head.account),
        region=_text(head.region),
        resources=tuple(_text(resource) for resource in resources[:_MOST_RESOURCES]),
        event=intent.event,
    )


def _document(event: Event) -> Mapping[str, Any]:
    try:
        return event.document()
    except orjson.JSONDecodeError:
        return {}


def _text(value: object) -> str:
    return value[:_LONGEST_FACT] if isinstance(value, str) else ""


def _text_of(value: object) -> str:
    if value is MISSING or value is None:
        return ""
    if isinstance(value, str):
        return _text(value)
    try:
        return orjson.dumps(value).decode()[:_LONGEST_FACT]
    except TypeError:
        return ""
