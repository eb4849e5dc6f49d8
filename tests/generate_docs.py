"""`python -m tests.generate_docs`: writes the pages and schemas that are made from code; a test compares them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from inspect import cleandoc
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from daemon.actions import ACTIONS
from daemon.actions.base import Redo
from daemon.actions.config import ActionConfig, BudgetConfig, ExemptConfig
from daemon.clients import AwsSettings
from daemon.clients.estate import EstateSettings
from daemon.decode import DecodeLimits
from daemon.dispatch.alerts.maintenance import MaintenanceConfig
from daemon.dispatch.dead_letters import PLACES
from daemon.dispatch.policy import FailurePolicy, FailureSettings
from daemon.dispatch.remediation.approvals import ApprovalSettings
from daemon.rules.model import RuleConfig, RuleFile, RuleTest, TargetReference
from daemon.settings import DedupeSettings, LimitSettings, Settings, StopSettings, TelemetrySettings
from daemon.sinks import SINKS
from daemon.sinks.grouping import GroupConfig
from daemon.sources import SOURCES
from daemon.state import STATE_STORES
from daemon.target_config import BreakerConfig, RetryConfig
from daemon.telemetry.names import METRICS

ROOT = Path(__file__).parents[1]
_NOTE = "<!-- Written by `make docs` from the code; edit the docstrings there. -->\n"

_INTRODUCTION = """One YAML file (`--config`), any field of which a variable overrides:
`VIGILD_LIMITS__MAX_EVENT_BYTES=65536`; a whole part may be given as JSON: `VIGILD_TARGETS='{"a": {"type": "stdout"}}'`.
Unknown fields are errors.  Relative paths start at the working directory.
"""

_ACTIONS_INTRODUCTION = """What rules may do to an estate.  An action stands under `actions:` in the configuration or
in a rule file, by a name of your choice; a rule takes it with `actions: [name]`.  Every action begins in `shadow`: it
says what it would do, and changes nothing.  JSON paths say where an event names things; the first that leads somewhere
counts.
"""

_REDO = {
    Redo.REPEAT: "done again, which changes nothing a second time",
    Redo.LOOK: "looked at again, and what is left is done",
    Redo.NEVER: "not done again; a person is told",
}

_TAGS = {True: "heeded", False: "no tags are read; exempt by `accounts` and `resources`"}


def pages() -> dict[Path, str]:
    """Return each generated file with its text."""
    return {
        ROOT / "docs" / "metrics.md": metrics_page(),
        ROOT / "docs" / "configuration.md": configuration_page(),
        ROOT / "docs" / "actions.md": actions_page(),
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
        *_section("estate", EstateSettings),
        *_section("approvals", ApprovalSettings),
    ]
    for name, state in STATE_STORES.items():
        parts += _section(f"state, type: {name}", state)
    for name, source in SOURCES.items():
        parts += _section(f"sources, type: {name}", source.config)
    for name, sink in SINKS.items():
        parts += _section(f"targets, type: {name}", sink.config)
    parts += _section("group (of a target)", GroupConfig)
    parts += _section("maintenance", MaintenanceConfig)
    parts += _section("retry (of a target)", RetryConfig)
    parts += _section("breaker (of a target)", BreakerConfig)
    parts += _section("failures", FailureSettings)
    parts += _section("A kind of failure", FailurePolicy)
    for name, place in PLACES.items():
        parts += _section(f"dead_letters, type: {name}", place.config)
    parts += _section("A rule file", RuleFile)
    parts += _section("A rule", RuleConfig)
    parts += _section("A rule's target", TargetReference)
    parts += _section("A rule's test", RuleTest)
    return "\n".join(parts)


def actions_page() -> str:
    """Return docs/actions.md."""
    parts = ["# Actions\n", _NOTE, _ACTIONS_INTRODUCTION]
    for name, kind in ACTIONS.items():
        action, permissions = kind.action, kind.action.permissions
        parts.append(f"## {name}\n\n{cleandoc(kind.config.__doc__ or '')}  {_one_line(action.__doc__ or '')}\n")
        parts.append(f"- cut off by a crash: {_REDO[action.redo]}")
        parts.append(f"- `vigild undo`: {'yes' if action.undoable else 'no'}")
        parts.append(f"- `exempt.tags`: {_TAGS[kind.config.reads_tags]}")
        parts.append(f"- reads with: {_codes(permissions.read)}")
        parts.append(f"- changes with: {_codes(permissions.write)} on {_codes(permissions.resources)}")
        if permissions.undo:
            parts.append(f"- undoes with: {_codes(permissions.undo)}")
        common = ActionConfig.model_fields
        own = {field: info for field, info in kind.config.model_fields.items() if field not in common}
        parts += ["", *_table(own)]
    return "\n".join([*parts, *_section("What every action has", ActionConfig), *_action_parts()])


def _action_parts() -> Iterator[str]:
    yield from _section("exempt", ExemptConfig)
    yield from _section("budget", BudgetConfig)


def _codes(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words) or "nothing"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _section(title: str, model: type[BaseModel]) -> Iterator[str]:
    yield f"## {title}\n"
    if model.__doc__ and model is not DecodeLimits:
        yield cleandoc(model.__doc__) + "\n"
    yield from _table(model.model_fields)


def _table(fields: Mapping[str, FieldInfo]) -> Iterator[str]:
    yield "| field | default | meaning |\n| --- | --- | --- |"
    for name, field in fields.items():
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
    if isinstance(default, frozenset):
        default = sorted(default)
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
