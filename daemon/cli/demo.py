"""`vigild demo`: writes a sample day of CloudTrail files and runs the daemon over it, without an AWS account."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from daemon.cli.options import RulesOption
from daemon.cli.report import ProgressBar, exit_code, print_summary, writing_bar
from daemon.cli.start import run_to_end
from daemon.sample import SamplePlan, write_day
from daemon.settings import load_settings


def demo(
    folder: Annotated[Path, typer.Option("--dir", help="Where the sample, its state and its alerts are kept.")] = Path(
        "var/demo"
    ),
    events: Annotated[int, typer.Option(min=100, max=10_000_000, help="Events of the sample day.")] = 20_000,
    seed: Annotated[int, typer.Option(help="The same seed writes the same day, byte for byte.")] = 7,
    rules: RulesOption = None,
) -> None:
    """Write a believable day of a small AWS organisation, with an intrusion in it, and watch it with the starter pack.

    Alerts go to standard output and to alerts.ndjson in the folder.  A second run finds everything handled before.
    """
    sample = folder / f"sample-{seed}-{events}"
    if not (sample / "AWSLogs").is_dir():
        with writing_bar(events) as wrote:
            write_day(sample, SamplePlan(events=events, seed=seed), wrote)
    changed: dict[str, object] = {
        "sources": {"cloudtrail": {"type": "file", "paths": [str(sample)]}},
        "targets": {
            "terminal": {"type": "stdout"},
            "alerts": {"type": "file", "path": str(folder / "alerts.ndjson")},
        },
        "default_targets": ["terminal", "alerts"],
        "dead_letters": {"default": {"type": "file", "path": str(folder / "dead-letters.ndjson")}},
        "state": {"path": str(folder / "state.sqlite")},
        "telemetry": {"listen": "127.0.0.1:0", "log_level": "error"},
    }
    if rules:
        changed["rules"] = rules
    settings = load_settings(None, changed)
    with ProgressBar() as bar:
        summary = run_to_end(settings, bar.watch)
    print_summary(summary, settings.state)
    typer.echo(f"Alerts: {folder / 'alerts.ndjson'}   Rejected: {folder / 'dead-letters.ndjson'}", err=True)
    raise typer.Exit(exit_code(summary))
