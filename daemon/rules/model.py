"""What a rule file holds; load.py reads it, `vigild schema rules` prints it as JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from daemon.actions import AnyActionConfig
from daemon.dispatch.transform import InputTransformerConfig
from daemon.match.lint.findings import LintCode
from daemon.sinks.base import Severity
from daemon.sinks.grouping import GroupKey
from daemon.text_form import TextForm
from daemon.yaml_file import Strict

Name = Annotated[
    str,
    TextForm(
        r"^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$",
        "a name of small letters, digits and . _ - between them, at most 64",
        "root-login",
    ),
]
"""Of rules, sources, targets: lower case, digits, and `.`, `_`, `-` inside; at most 64 characters."""


class TargetReference(Strict):
    """A target, and what to send it instead of the default."""

    target: Name
    input_transformer: InputTransformerConfig | None = None
    """EventBridge's input transformer: InputPathsMap and InputTemplate."""
    group_by: tuple[GroupKey, ...] | None = None
    """By what the target gathers this rule's alerts, apart from other rules', in place of its own `group.by`."""
    at_once: bool = False
    """Send each alert of this rule by itself, at once, although the target gathers; silences and maintenance windows
    hold it back all the same."""

    @model_validator(mode="after")
    def _is_gathered_or_not(self) -> Self:
        if self.at_once and self.group_by is not None:
            raise ValueError("what is sent at_once has no group_by")
        return self


LogGroup = Annotated[
    str,
    TextForm(
        r"^(\*|[A-Za-z0-9_./#-]{1,512}\*?)$", "the name of a log group, or how it begins and a *", "/ecs/checkout*"
    ),
]
"""A log group's name, or the beginning of names with a `*` behind it."""


class LogCondition(Strict):
    """What an event out of CloudWatch Logs must be for the rule to match."""

    groups: Annotated[tuple[LogGroup, ...], Field(min_length=1)] = ("*",)
    """Log groups by name, or by prefix with a `*` behind it; without it, all."""
    filter: str
    """A CloudWatch Logs filter pattern; docs/patterns-logs.md.  An empty one matches every message."""

    def covers(self, group: str) -> bool:
        """Return whether it looks at the log group."""
        return any(group.startswith(wanted[:-1]) if wanted.endswith("*") else group == wanted for wanted in self.groups)


class LogTest(Strict):
    """A log event as a subscription delivers it."""

    group: str
    """Where the message is to be taken for the CloudTrail record that it is, a group as `limits.event_log_groups` has
    them."""
    stream: str = "test"
    message: str | dict[str, Any]
    """The text that was logged; a mapping is logged as JSON."""


class RuleTest(Strict):
    """One event, or one log event, with the verdict expected of the rule."""

    name: str
    match: bool
    """Whether the rule must match."""
    event: dict[str, Any] | None = None
    """Whatever a source could deliver: an EventBridge event, a CloudTrail record, any JSON object."""
    log: LogTest | None = None

    @model_validator(mode="after")
    def _check_there_is_one(self) -> Self:
        if (self.event is None) == (self.log is None):
            raise ValueError("a test needs either 'event' or 'log'")
        return self


class RuleConfig(Strict):
    """One rule."""

    name: Name
    """Unique over all files; label of its metrics, part of its intents' identity."""
    description: str
    """What a match means and what to look at first."""
    severity: Severity = Severity.MEDIUM
    pattern: dict[str, Any] | str | None = None
    """An EventBridge event pattern, as YAML or as the JSON text that the AWS console shows."""
    log: LogCondition | None = None
    """What CloudWatch Logs must have held of the event; beside a pattern, both must hold."""
    targets: list[Name | TargetReference] | None = None
    """Where matches go; without it, to `default_targets` of the configuration; [] counts matches only."""
    actions: tuple[Name, ...] = ()
    """What is done about a match: names of `actions` of the configuration or of a rule file; by default nothing is."""
    tests: tuple[RuleTest, ...] = ()
    lint_ignore: dict[LintCode, Annotated[str, Field(min_length=1)]] = Field(default={})
    """Warnings of `vigild check` that are meant to be so: each code with the reason."""

    @model_validator(mode="after")
    def _check_there_is_a_condition(self) -> Self:
        if self.pattern is None and self.log is None:
            raise ValueError("a rule needs 'pattern', 'log' or both")
        return self


class RuleFile(Strict):
    """A file of rules."""

    rules: list[RuleConfig]
    """The rules; their names are unique over all files."""
    actions: dict[Name, AnyActionConfig] = Field(default={})
    """What these rules, or others, may do to the estate, by name; the configuration's `actions` go over it.  Read at
    the start only."""
