"""Loads what commands need that work beside the daemon: configuration and rules, or the state that daemons keep."""

from __future__ import annotations

from pathlib import Path

from daemon.assembly import rules_of
from daemon.cli.run import overrides
from daemon.errors import ConfigError
from daemon.rules import RuleSet
from daemon.settings import Settings, load_settings
from daemon.state import SqliteConfig


def load(config: Path | None, rules: list[Path] | None) -> tuple[Settings, RuleSet]:
    """Return the settings, with `rules` over the configuration's, and the rules; raise ConfigError."""
    settings = load_settings(config, overrides([], rules or []))
    return settings, rules_of(settings)


def settings_with_state(config: Path | None) -> Settings:
    """Return the settings of daemons that have kept state; raise ConfigError."""
    settings = load_settings(config)
    require_state(settings)
    return settings


def require_state(settings: Settings) -> None:
    """Raise ConfigError where no daemon has kept state yet.

    What a person places or verifies in a state that this very command made would reach nobody.  A table that is not
    there is told of when it is opened.
    """
    state = settings.state
    if isinstance(state, SqliteConfig) and not state.path.exists():
        raise ConfigError(
            f"state: {state.path.absolute()}: no such file, so no daemon has run with this configuration; "
            "--config or VIGILD_CONFIG names the one that it runs with"
        )
