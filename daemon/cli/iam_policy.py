"""`vigild iam-policy`: the least privileges that a configuration needs."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated

import orjson
import typer

from daemon.actions import ACTIONS
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
    undo: Annotated[bool, typer.Option("--undo/--no-undo", help="With what undoing needs beyond acting.")] = True,  # noqa: FBT002
) -> None:
    """Print the IAM policy for the loaded sources, targets, actions, state and dead letters.

    `*` stands for what the configuration does not say.

    Actions in shadow mode get reading only.  Without `estate.role_arn` the daemon's own role acts.
    """
    settings = load_settings(config)
    place = Place(settings.aws.region or "*")
    assumes = settings.estate.role_arn is not None
    if role is Role.ESTATE:
        found = list(_action_grants(settings, undo=undo))
    else:
        found = [*_own_grants(settings, place), *([] if assumes else _action_grants(settings, undo=undo))]
    typer.echo(orjson.dumps(policy(found), option=orjson.OPT_INDENT_2).decode())


def _own_grants(settings: Settings, place: Place) -> Iterator[Grant]:
    for config in (*settings.sources.values(), *settings.targets.values(), *settings.dead_letters.values()):
        yield from config.grants(place)
    yield from settings.state.grants(place)
    for reference in references_in(*settings.targets.values(), settings.approvals):
        yield reference.grant(place)
    if settings.actions and settings.estate.role_arn is not None:
        accounts = sorted(settings.estate.accounts) or ["*"]
        roles = tuple(settings.estate.role_arn.replace("{account}", account) for account in accounts)
        yield Grant(("sts:AssumeRole",), roles)


def _action_grants(settings: Settings, *, undo: bool) -> Iterator[Grant]:
    """Yield what acting needs.  Reading is granted on all: most describing calls know no resources."""
    for config in settings.actions.values():
        permissions = ACTIONS[config.type].action.permissions
        yield Grant(permissions.read, ("*",))
        if config.mode != "shadow":
            resources = tuple(text.replace("{region}", "*").replace("{account}", "*") for text in permissions.resources)
            yield Grant(permissions.write + (permissions.undo if undo else ()), resources)
