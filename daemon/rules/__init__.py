"""Rule files become one immutable RuleSet, which is swapped whole and never edited.

app.py loads rules at start and at SIGHUP, pipeline/ matches with the set in force.  model.py says what a rule file
holds, load.py reads files and names every fault with file, line and field, trial.py runs the tests beside the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daemon.dedupe.identity import name_with_line
from daemon.dispatch.plan import MatchedRule
from daemon.event import Event
from daemon.match import Matcher
from daemon.rules.logs import LogRules
from daemon.rules.model import LogCondition, RuleTest

__all__ = ("Rule", "RuleSet", "no_rules")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as its file has it, checked."""

    origin: str
    """ "path:line", for messages."""
    matched: MatchedRule
    pattern: Mapping[str, Any] | str | None
    """As the file has it: parsed, or JSON text."""
    log: LogCondition | None
    tests: tuple[RuleTest, ...]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules in force, by name, with what is compiled from their patterns and from their `log:` conditions."""

    rules: Mapping[str, Rule]
    matcher: Matcher
    logs: LogRules
    files: int
    actions: Mapping[str, Any]
    """What the files say about actions, as written; settings.py has read the same."""

    def find(self, event: Event) -> list[str]:
        """Return the names of the rules that an event matches.  Raises DecodeError for one that cannot be read."""
        names = self.matcher.find_screened(event.body) if event.screened else self.matcher.find(event.body)
        return self.logs.joined(names, event.log) if self.logs else names

    def name_in_window(self, event: Event) -> str:
        """Return what the window of settled events knows an event by."""
        if event.log is not None and self.logs.look_at(event.log.group):
            return name_with_line(event.identity, event.log.group)
        return event.identity

    def matched(self, names: list[str]) -> tuple[MatchedRule, ...]:
        """Return what dispatch needs of the rules that were found."""
        return tuple(self.rules[name].matched for name in names)

    def named(self, name: str) -> MatchedRule | None:
        """Return what dispatch needs of a rule; None where none has this name."""
        rule = self.rules.get(name)
        return rule.matched if rule is not None else None


def no_rules() -> RuleSet:
    """Return what matches nothing, for commands that match nothing."""
    return RuleSet({}, Matcher({}), LogRules({}, (), ()), 0, {})
