"""What a rule file holds; load.py reads it, `vigild schema rules` prints it as JSON Schema."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from daemon.dispatch.transform import InputTransformerConfig
from daemon.sinks.base import Severity
from daemon.yaml_file import Strict

Name = Annotated[str, Field(pattern=r"^[a-z0-9]([a-z0-9._-]{0,62}[a-z0-9])?$")]
"""Of rules, sources, targets: lower case, digits, and `.`, `_`, `-` inside; at most 64 characters."""


class TargetReference(Strict):
    """A target, and what to send it instead of the default."""

    target: Name
    input_transformer: InputTransformerConfig | None = None
    """EventBridge's input transformer: InputPathsMap and InputTemplate."""


class RuleTest(Strict):
    """One event with the verdict expected of the rule."""

    name: str
    match: bool
    """Whether the rule must match."""
    event: dict[str, Any]
    """Whatever a source could deliver: an EventBridge event, a CloudTrail record, any JSON object."""


class RuleConfig(Strict):
    """One rule."""

    name: Name
    """Unique over all files; label of its metrics, part of its intents' identity."""
    description: str
    """What a match means and what to look at first."""
    severity: Severity = Severity.MEDIUM
    pattern: dict[str, Any] | str
    """An EventBridge event pattern, as YAML or as the JSON text that the AWS console shows."""
    targets: list[Name | TargetReference] | None = None
    """Where matches go; without it, to `default_targets` of the configuration; [] counts matches only."""
    actions: tuple[Name, ...] = ()
    """What is done about a match: names of `actions` of the configuration; by default nothing is."""
    tests: tuple[RuleTest, ...] = ()


class RuleFile(Strict):
    """A file of rules."""

    rules: list[RuleConfig]
