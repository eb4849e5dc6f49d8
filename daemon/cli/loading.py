"""Loads configuration and rules for commands that look at rules and send nothing."""

from __future__ import annotations

from pathlib import Path

from daemon.assembly import rules_of
from daemon.cli.run import overrides
from daemon.rules import RuleSet
from daemon.settings import Settings, load_settings


def load(config: Path | None, rules: list[Path] | None) -> tuple[Settings, RuleSet]:
    """Return the settings, with `rules` over the configuration's, and the rules; raise ConfigError."""
    settings = load_settings(config, overrides([], rules or []))
    return settings, rules_of(settings)
