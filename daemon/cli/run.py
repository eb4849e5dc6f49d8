"""`vigild run`: the daemon itself, or one pass over files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from daemon.cli.options import ConfigOption, RulesOption
from daemon.cli.report import ProgressBar, exit_code, print_summary
from daemon.cli.start import run_to_end
from daemon.errors import ConfigError
from daemon.settings import load_settings
from daemon.sources.file.paths import EVENT_SUFFIXES, leads_nowhere
from daemon.sources.file.stdin import STANDARD_INPUT


def run(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            help="Files or folders of events (CloudTrail .json or .json.gz, NDJSON; - is standard input) to read once, "
            "instead of the configuration's sources."
        ),
    ] = None,
    config: ConfigOption = None,
    rules: RulesOption = None,
) -> None:
    """Watch: receive events, match them, alert; until a signal, or until all finite sources are read.

    SIGTERM or Ctrl-C stops in order (a second one at once), SIGHUP reloads the rules.  Exit code 3 when all was read,
    but some alerts could not be delivered and are parked.
    """
    missing = [path for path in paths or [] if path != STANDARD_INPUT and leads_nowhere(path)]
    if missing:
        raise ConfigError(*(f"{path}: no such file or folder" for path in missing))
    settings = load_settings(config, overrides(paths or [], rules or []))
    if not settings.sources:
        raise ConfigError("nothing to read: give files as arguments, or a configuration with sources (--config)")
    with ProgressBar() as bar:
        summary = run_to_end(settings, bar.watch)
    print_summary(summary, settings.state)
    if paths and not summary.deliveries and not summary.skipped_files:
        typer.echo(f"\nNothing to read: in folders, files are read that end in {', '.join(EVENT_SUFFIXES)}", err=True)
    raise typer.Exit(exit_code(summary))


def overrides(paths: list[str], rules: list[Path]) -> dict[str, Any]:
    """Return what arguments put over the configuration."""
    changed: dict[str, Any] = {}
    if paths:
        changed["sources"] = {"files": {"type": "file", "paths": paths}}
    if rules:
        changed["rules"] = rules
    return changed
