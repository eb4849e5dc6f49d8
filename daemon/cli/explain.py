"""`vigild explain`: why does a rule match an event, or not?  Field by field, nearest miss first.

Rules, configuration and decoder are those of `vigild match`; match/explain/ finds reasons, explanation.py words them.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Annotated, NamedTuple

import typer

from daemon.cli.events import read_events
from daemon.cli.explanation import as_object, as_text
from daemon.cli.loading import load
from daemon.cli.options import ConfigOption, JsonOption, RulesOption
from daemon.decode import DecodeLimits
from daemon.errors import ConfigError, DecodeError
from daemon.event import Event, Rejection
from daemon.match.text import cut
from daemon.near_miss import near_miss
from daemon.rules import Rule, RuleSet
from daemon.rules.explain import RuleExplainer

_MOST_FAULTS = 10
"""Unreadable events that are named; all are counted."""


class _Candidate(NamedTuple):
    """An event that may be explained; sorts by nearness."""

    misses: int
    position: int
    event: Event


def explain(  # noqa: PLR0913, PLR0917 - each is an argument or option of the command line
    rule: Annotated[str, typer.Argument(help="The rule's name.")],
    event: Annotated[
        str, typer.Argument(help="A file of events: EventBridge or CloudTrail JSON, JSON lines; - is standard input.")
    ],
    config: ConfigOption = None,
    rules: RulesOption = None,
    index: Annotated[
        int | None, typer.Option(min=0, help="Explain this event of the file only; the first is 0.", show_default=False)
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=1000, help="Of many events, explain those that come nearest.")] = 3,
    as_json: JsonOption = False,  # noqa: FBT002
) -> None:
    """Print what each field of a rule asks for, what an event has there, and whether that holds; nearest miss first.

    Exit code 0 when the rule matches (of many events, any), 1 when it does not, 2 when rule or event cannot be read.
    """
    settings, rule_set = load(config, rules)
    found = _find(rule_set, rule)
    explainer = RuleExplainer(found)
    reading = _Reading(event, settings.limits, index)
    nearest = heapq.nsmallest(most, reading.candidates(explainer, rule_set))
    for candidate in nearest:
        explanation = explainer.explain(candidate.event)
        write = as_object if as_json else as_text
        typer.echo(write(found, candidate.position, candidate.event, explanation))
    reading.report(len(nearest))
    if reading.unreadable or not nearest:
        raise typer.Exit(2)
    raise typer.Exit(1 if nearest[0].misses else 0)


def _find(rule_set: RuleSet, name: str) -> Rule:
    if name not in rule_set.rules:
        raise ConfigError(f"no rule is called {name!r}{near_miss(name, rule_set.rules)}")
    return rule_set.rules[name]


class _Reading:
    """Goes through a file once, and keeps count of what is in it."""

    def __init__(self, path: str, limits: DecodeLimits, index: int | None) -> None:
        self._path = path
        self._limits = limits
        self._index = index
        self._read = 0
        self.unreadable = 0

    def candidates(self, explainer: RuleExplainer, rules: RuleSet) -> Iterator[_Candidate]:
        """Yield the events that the daemon would match with all rules, name those that it would reject."""
        for position, item in enumerate(read_events(self._path, self._limits)):
            self._read = position + 1
            if self._index not in (None, position):
                continue
            try:
                if isinstance(item, Rejection):
                    raise DecodeError(item.reason, item.detail)  # noqa: TRY301 - both are said in the same words
                rules.find(item)
                yield _Candidate(explainer.misses(item), position, item)
            except DecodeError as error:
                self._name(position, error)

    def _name(self, position: int, error: DecodeError) -> None:
        self.unreadable += 1
        if self.unreadable <= _MOST_FAULTS:
            typer.echo(f"vigild: {self._path}: event {position}: {cut(str(error))}", err=True)

    def report(self, shown: int) -> None:
        """Say what was not shown."""
        if self._index is not None and self._index >= self._read:
            raise ConfigError(f"{self._path}: there is no event {self._index}; it holds {self._read}, the first is 0")
        if not self._read:
            raise ConfigError(f"{self._path}: holds no event")
        if self.unreadable > _MOST_FAULTS:
            typer.echo(f"vigild: {self.unreadable} event(s) could not be read", err=True)
        left = self._read - self.unreadable - shown
        if self._index is None and left:
            typer.echo(f"vigild: {left} more event(s) come less near; --most shows more, --index one of them", err=True)
