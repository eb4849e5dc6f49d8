"""The command line: one file a command, listed below; each hands over to app.py, rules/ or the parts it checks.

examples.py has what the exit codes mean.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

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
from daemon.cli.examples import below, exit_codes
from daemon.cli.streams import READER_GONE, code_of, open_closed_streams, print_no_more
from daemon.errors import EffectError, VigildError

__all__ = ("main",)

application = typer.Typer(
    name="vigild",
    help="Watches an AWS estate: reads its events, matches them against your rules, and acts or alerts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    epilog=exit_codes(),
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


_COMMANDS: dict[str, Callable[..., None]] = {
    "run": run.run,
    "check": check.check,
    "match": match.match,
    "explain": explain.explain,
    "test": trial.run_rule_tests,
    "schema": schema.schema,
    "demo": demo.demo,
    "approvals": approvals.approvals,
    "approve": approvals.approve,
    "deny": approvals.deny,
    "iam-policy": iam_policy.iam_policy,
    "undo": undo.undo,
}
_GROUPS = {
    "alerts": alerts.application,
    "dead-letters": dead_letters.application,
    "holds": holds.application,
    "journal": journal.application,
    "leases": leases.application,
    "silences": silences.application,
    "state": state.application,
}
for _name, _command in _COMMANDS.items():
    application.command(_name, epilog=below(_name))(_command)
for _name, _group in _GROUPS.items():
    application.add_typer(_group, name=_name, epilog=below(_name))


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
