"""What a person sees of a run on the terminal: a progress bar while finite sources are read, a table at the end.

Both go to standard error, because standard output belongs to alerts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from daemon.sources.base import Source
from daemon.state import AnyStateConfig
from daemon.summary import Summary
from daemon.telemetry.names import IntentOutcome, Outcome

UNDELIVERED = 3
"""Exit code of a run that came to its end with alerts that nobody got."""


class ProgressBar:
    """Shows how far the finite sources are; silent where standard error is no terminal."""

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            DownloadColumn(),
            TimeRemainingColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def watch(self, sources: list[Source]) -> None:
        """Take the sources' word for how far they are."""
        for source in sources:
            progress = source.progress()
            if progress is None:
                continue
            if source.name not in self._tasks:
                self._tasks[source.name] = self._progress.add_task(source.name, total=progress.total)
            self._progress.update(self._tasks[source.name], completed=progress.done, total=progress.total)


@contextmanager
def writing_bar(events: int) -> Iterator[Callable[[int], None]]:
    """Show how many of `events` have been written; yields what to tell the number so far."""
    with _bar() as progress:
        task = progress.add_task("writing the sample", total=events)
        yield lambda written: progress.update(task, completed=written)


@contextmanager
def counting_bar(what: str, total: int) -> Iterator[Callable[[int], None]]:
    """Show how many of about `total` are done; yields what to tell how many more."""
    with _bar() as progress:
        task = progress.add_task(what, total=total)
        yield lambda more: progress.advance(task, more)


def _bar() -> Progress:
    console = Console(stderr=True)
    return Progress(console=console, transient=True, disable=not console.is_terminal)


def print_summary(summary: Summary, state: AnyStateConfig) -> None:
    """Print what the run did; where everything had been handled before, say so and how to start over."""
    console = Console(stderr=True, highlight=False)
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    table.add_row("files and messages", f"{summary.deliveries:,}")
    table.add_row("events", f"{summary.events:,}")
    for outcome in Outcome:
        table.add_row(f"  {outcome}", f"{summary.outcomes[outcome]:,}")
    if summary.in_flight:
        table.add_row("  given back", f"{summary.in_flight:,}")
    for reason, count in sorted(summary.rejects.items()):
        table.add_row(f"  rejected: {reason}", f"{count:,}")
    table.add_row("alerts sent", f"{summary.intents[IntentOutcome.DONE]:,}")
    for ending in IntentOutcome:
        if ending is not IntentOutcome.DONE and summary.intents[ending]:
            table.add_row(f"alerts {ending}", f"{summary.intents[ending]:,}")
    table.add_row("events/s", f"{summary.events / summary.seconds:,.0f}")
    table.add_row("balance", "exact" if summary.balanced else "BROKEN")
    if summary.rule_matches:
        console.print(_matches(summary))
    console.print(table)
    if summary.undelivered:
        console.print(f"\n{summary.undelivered:,} alert(s) could not be delivered: `vigild dead-letters list` has them")
    if summary.skipped_files:
        console.print(
            f"\n{summary.skipped_files:,} file(s) had been handled before and were not read again. "
            f"To start over, {state.start_over}"
        )


def exit_code(summary: Summary) -> int:
    """Return what a run ends with.  One that was stopped goes on later, so what it parked is not its result."""
    if summary.forced or not summary.balanced:
        return 1
    return UNDELIVERED if summary.undelivered and not summary.stopped else 0


def _matches(summary: Summary) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("rule")
    table.add_column("matches", justify="right")
    for rule, count in sorted(summary.rule_matches.items(), key=lambda entry: (-entry[1], entry[0])):
        table.add_row(rule, f"{count:,}")
    return table
