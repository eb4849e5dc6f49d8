"""Refuses names that fit nothing configured: a hold or silence that stops nothing is worse than none."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Annotated

import typer

from daemon.errors import ConfigError
from daemon.near_miss import near_miss

AnywayOption = Annotated[
    bool,
    typer.Option(
        "--anyway", help="Also where --on names what this configuration has not: others may share its state store."
    ),
]


def refuse_unknown(named: Iterable[tuple[str, str]], known: Mapping[str, Collection[str]]) -> None:
    """Raise ConfigError for each field and its pattern, of the fields known, that fits none of the field's names."""
    problems = [
        f"--on {field}={pattern}: {_whose(field, pattern)}{near_miss(pattern, known[field])} (--anyway places it)"
        for field, pattern in named
        if field in known and not any(fnmatchcase(name, pattern) for name in known[field])
    ]
    if problems:
        raise ConfigError(*problems)


def _whose(field: str, pattern: str) -> str:
    return f"the configuration has no {field} {'like' if '*' in pattern else 'called'} {pattern!r}"
