"""Rule files become one immutable RuleSet, which is swapped whole and never edited.

app.py loads rules at start and at SIGHUP, pipeline/ matches with the set in force.  model.py says what a rule file
holds, load.py reads files and names every fault with file, line and field, trial.py runs the tests beside the rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from daemon.dispatch.plan import MatchedRule
from daemon.match import Matcher
from daemon.rules.model import RuleTest

__all__ = ("Rule", "RuleSet")


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule as its file has it, checked."""

    origin: str
    """ "path:line", for messages."""
    matched: MatchedRule
    pattern: Mapping[str, Any] | str
    """As the file has it: parsed, or JSON text."""
    tests: tuple[RuleTest, ...]


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules in force, by name, with the matcher compiled from them."""

    rules: Mapping[str, Rule]
    matcher: Matcher
    files: int

    def matched(self, names: list[str]) -> tuple[MatchedRule, ...]:
        """Return what dispatch needs of the rules that the matcher named."""
        return tuple(self.rules[name].matched for name in names)
