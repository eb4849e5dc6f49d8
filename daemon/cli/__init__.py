"""The command line: one file a command, listed below; each hands over to app.py, rules/ or the parts it checks.

Exit codes: 0 all well, 1 something was found wrong (a failed test, nothing matched) or does not answer (a target, the
state store), 2 the command or its configuration cannot be used, 3 a run came to its end with alerts that could not be
delivered, 4 standard output does not take what is printed, 141 nobody reads it any more (`vigild … | head`).
"""

from __future__ import annotations

import sys

import typer

from daemon import __version__
from daemon.cli import (
    alerts,
    approvals,
    check,
    dead_letters,
    demo,
    explain,
    holds,
    iam_policy,
    journal,
    leases,
    match,
    run,
    schema,
    silences,
    state,
    trial,
    undo,
)
from daemon.cli.streams import READER_GONE, code_of, open_closed_streams, print_no_more
from daemon.errors import EffectError, VigildError

__all__ = ("main",)

application = typer.Typer(
    name="vigild",
    help="Watches an AWS estate: reads its events, matches them against your rules, and acts or alerts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _print_version(value: bool) -> None:  # noqa: FBT001 - typer's callback
    if value:
        typer.echo(f"vigild {__version__}")
        raise typer.Exit


@application.callback()
def _options(
    _version: bool = typer.Option(  # noqa: FBT001 - typer's option
        False, "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
    ),
) -> None:
    pass


application.command("run")(run.run)
application.command("check")(check.check)
application.command("match")(match.match)
application.command("explain")(explain.explain)
application.command("test")(trial.run_rule_tests)
application.command("schema")(schema.schema)
application.command("demo")(demo.demo)
application.command("approvals")(approvals.approvals)
application.command("approve")(approvals.approve)
application.command("deny")(approvals.deny)
application.command("iam-policy")(iam_policy.iam_policy)
application.command("undo")(undo.undo)
application.add_typer(alerts.application)
application.add_typer(dead_letters.application, name="dead-letters")
application.add_typer(holds.application)
application.add_typer(journal.application)
application.add_typer(leases.application, name="leases")
application.add_typer(silences.application)
application.add_typer(state.application, name="state")


def main() -> None:
    """Run the command; what it cannot print ends it, without a traceback."""
    open_closed_streams()
    try:
        _run()
    except OSError as error:
        code = code_of(error)
        if code is None:
            raise
        print_no_more(error)
        sys.exit(code)
    except SystemExit as end:
        # The libraries that print end the process by themselves where nobody reads, with 1.
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        print_no_more(end.__context__)
        sys.exit(READER_GONE)


def _run() -> None:
    """Run the command; an error of our own is a line on standard error, not a traceback."""
    try:
        application()
    except VigildError as error:
        for line in str(error).splitlines():
            typer.echo(f"vigild: {line}", err=True)
        # Supervisors try again after 1, not after 2: what does not answer may yet, a wrong configuration stays so.
        sys.exit(1 if isinstance(error, EffectError) else 2)
