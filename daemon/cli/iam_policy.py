"""`vigild iam-policy`: the least privileges that a configuration needs."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from enum import StrEnum
from itertools import product
from typing import Annotated

import orjson
import typer

from daemon.actions import build
from daemon.cli.options import ConfigOption
from daemon.grants import Grant, Place, policy
from daemon.secret_reference import references_in
from daemon.settings import Settings, load_settings


class Role(StrEnum):
    """Whose policy."""

    DAEMON = "daemon"  # the role that the process runs under
    ESTATE = "estate"  # the role that it assumes in each account, `estate.role_arn`


def iam_policy(
    config: ConfigOption = None,
    role: Annotated[
        Role, typer.Option("--role", help="The daemon's own role, or the one it assumes in each account.")
    ] = Role.DAEMON,
    account: Annotated[
        str | None,
        typer.Option(
            "--account",
            metavar="NUMBER",
            help="The daemon's own account: stands where the configuration names none; where actions may touch it, "
            "the daemon's own role gets what that takes.",
        ),
    ] = None,
    undo: Annotated[bool, typer.Option("--undo/--no-undo", help="With what undoing needs beyond acting.")] = True,  # noqa: FBT002
) -> None:
    """Print the IAM policy for the loaded sources, targets, actions, state and dead letters.

    `*` stands for what the configuration does not say.

    Actions in shadow mode get reading only.  Without `estate.role_arn` the daemon's own role acts.
    """
    settings = load_settings(config)
    place = Place(settings.aws.region or "*", account or "*")
    accounts = settings.estate.accounts or {place.account}
    # Only other accounts are acted in by the role that is assumed there.
    shared = settings.estate.role_arn is not None and settings.estate.accounts
    own = accounts & {place.account} if shared else accounts
    if role is Role.ESTATE:
        found = list(_action_grants(settings, accounts - own, undo=undo))
    else:
        roles = _roles(settings, accounts - own)
        found = [*_own_grants(settings, place), *roles, *_action_grants(settings, own, undo=undo)]
    typer.echo(orjson.dumps(policy(found), option=orjson.OPT_INDENT_2).decode())


def _own_grants(settings: Settings, place: Place) -> Iterator[Grant]:
    for config in (*settings.sources.values(), *settings.targets.values(), *settings.dead_letters.values()):
        yield from config.grants(place)
    yield from settings.state.grants(place)
    for reference in references_in(*settings.targets.values(), settings.approvals, settings.estate):
        yield from reference.grants(place)


def _roles(settings: Settings, accounts: Collection[str]) -> Iterator[Grant]:
    """Yield what it takes to act in other accounts at all."""
    template = settings.estate.role_arn
    if settings.actions and template is not None and accounts:
        yield Grant(("sts:AssumeRole",), tuple(template.replace("{account}", account) for account in sorted(accounts)))


def _action_grants(settings: Settings, accounts: Collection[str], *, undo: bool) -> Iterator[Grant]:
    """Yield what acting in these accounts needs.  Reading is granted on all: most such calls know no resources."""
    regions = settings.estate.regions or {settings.aws.region or "*"}
    for config in settings.actions.values() if accounts else ():
        action = build(config)
        permissions = action.permissions
        yield Grant(permissions.read, ("*",))
        if config.mode != "shadow":
            places = product(sorted(accounts), sorted(regions), action.acts_on)
            resources = {
                text.replace("{account}", account).replace("{region}", region) for account, region, text in places
            }
            yield Grant(permissions.write + (permissions.undo if undo else ()), tuple(sorted(resources)))
