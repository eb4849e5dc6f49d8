"""`python -m tests.generate_docs`: writes the pages and schemas that are made from code; a test compares them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from daemon.clients import AwsSettings
from daemon.decode import DecodeLimits
from daemon.dispatch.dead_letters import FileDeadLetterConfig, QueueDeadLetterConfig
from daemon.rules.model import RuleConfig, RuleFile, RuleTest, TargetReference
from daemon.settings import DedupeSettings, LimitSettings, Settings, StopSettings, TelemetrySettings
from daemon.sinks import SINKS
from daemon.sinks.base import RetryConfig
from daemon.sources import SOURCES
from daemon.state import STATE_STORES
from daemon.telemetry.names import METRICS

ROOT = Path(__file__).parents[1]
_NOTE = "<!-- Written by `make docs` from the code; edit the docstrings there. -->\n"

_INTRODUCTION = """One YAML file (`--config`), any field of which a variable overrides:
`VIGILD_LIMITS__MAX_EVENT_BYTES=65536`; a whole part may be given as JSON: `VIGILD_TARGETS='{"a": {"type": "stdout"}}'`.
Unknown fields are errors.  Relative paths start at the working directory.
"""


def pages() -> dict[Path, str]:
    """Return each generated file with its text."""
    return {
        ROOT / "docs" / "metrics.md": metrics_page(),
        ROOT / "docs" / "configuration.md": configuration_page(),
        ROOT / "config" / "vigild.schema.json": _schema(Settings),
        ROOT / "config" / "rules.schema.json": _schema(RuleFile),
    }


def metrics_page() -> str:
    """Return docs/metrics.md."""
    rows = [
        f"| `vigild_{metric.name}` | {metric.kind} | {', '.join(metric.labels)} | {metric.help} |"
        for metric in METRICS.values()
    ]
    head = (
        "# Metrics\n\n" + _NOTE + "\nAt all times, for each source: `vigild_events_received_total` = the sum of"
        " `vigild_events_settled_total` over its outcomes + `vigild_events_in_flight`.\n\n"
        "| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n"
    )
    return head + "\n".join(rows) + "\n"


def configuration_page() -> str:
    """Return docs/configuration.md."""
    parts = [
        "# Configuration\n",
        _NOTE,
        _INTRODUCTION,
        *_section("Top level", Settings),
        *_section("telemetry", TelemetrySettings),
        *_section("limits", LimitSettings),
        *_section("dedupe", DedupeSettings),
        *_section("stop", StopSettings),
        *_section("aws", AwsSettings),
    ]
    for name, state in STATE_STORES.items():
        parts += _section(f"state, type: {name}", state)
    for name, source in SOURCES.items():
        parts += _section(f"sources, type: {name}", source.config)
    for name, sink in SINKS.items():
        parts += _section(f"targets, type: {name}", sink.config)
    parts += _section("retry (of a target)", RetryConfig)
    parts += _section("dead_letters, type: file", FileDeadLetterConfig)
    parts += _section("dead_letters, type: sqs", QueueDeadLetterConfig)
    parts += _section("A rule", RuleConfig)
    parts += _section("A rule's target", TargetReference)
    parts += _section("A rule's test", RuleTest)
    return "\n".join(parts)


def _section(title: str, model: type[BaseModel]) -> Iterator[str]:
    yield f"## {title}\n"
    if model.__doc__ and model is not DecodeLimits:
        yield model.__doc__.strip() + "\n"
    yield "| field | default | meaning |\n| --- | --- | --- |"
    for name, field in model.model_fields.items():
        meaning = " ".join((field.description or "").split()).replace("|", "\\|")
        yield f"| `{field.alias or name}` | {_default(field)} | {meaning}{_bounds(field)} |"
    yield ""


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    default = field.get_default(call_default_factory=False)
    if field.default_factory is not None:
        return "see there"
    if isinstance(default, BaseModel) or (isinstance(default, dict) and default):
        return "see there"
    return f"`{orjson.dumps(default, default=str).decode()}`"


def _bounds(field: FieldInfo) -> str:
    words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}
    found: list[Any] = [
        f"{text} {getattr(bound, key)}"
        for bound in field.metadata
        for key, text in words.items()
        if hasattr(bound, key)
    ]
    return f" ({', '.join(found)})" if found else ""


def _schema(model: type[BaseModel]) -> str:
    return (
        orjson.dumps(model.model_json_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS, default=str).decode()
        + "\n"
    )


def main() -> None:
    """Write all pages."""
    for path, text in pages().items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
