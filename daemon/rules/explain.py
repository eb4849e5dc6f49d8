"""Why a rule matches an event or does not: its pattern and its filter explained together, for cli/explain.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from daemon.event import Event
from daemon.match.explain import Explainer, Explanation
from daemon.match.logs import FilterPattern
from daemon.match.logs.explain import Finding
from daemon.rules import Rule


@dataclass(frozen=True, slots=True)
class LogExplanation:
    """A `log:` condition on an event."""

    groups: Sequence[str]
    """As the rule has them."""
    group: str | None
    """The log group that the event came from, None if it came from none."""
    covers: bool
    """Whether the rule looks at the group."""
    matches: bool
    """Whether the filter matches the message."""
    terms: Sequence[Finding]
    """Of the filter, in the order written."""

    @property
    def misses(self) -> int:
        """How many of the two fail."""
        return 2 - self.covers - self.matches


@dataclass(frozen=True, slots=True)
class RuleExplanation:
    """A rule on an event; a rule has a pattern, a filter or both."""

    pattern: Explanation | None
    log: LogExplanation | None

    @property
    def misses(self) -> int:
        """How many tests fail, in the pattern's alternative that comes nearest: 0 for a match."""
        return sum(part.misses for part in (self.pattern, self.log) if part is not None)


class RuleExplainer:
    """A rule that is asked about events."""

    def __init__(self, rule: Rule) -> None:
        self._pattern = Explainer(rule.pattern) if rule.pattern is not None else None
        self._log = rule.log
        self._filter = FilterPattern(rule.log.filter) if rule.log is not None else None

    def misses(self, event: Event) -> int:
        """Return how many tests fail.  Raises DecodeError for an event that cannot be read."""
        pattern = self._pattern.misses(event.body) if self._pattern else 0
        log = self._explain_log(event)
        return pattern + (log.misses if log else 0)

    def explain(self, event: Event) -> RuleExplanation:
        """Return what is asked for and what is there.  Raises DecodeError for an event that cannot be read."""
        return RuleExplanation(self._pattern.explain(event.body) if self._pattern else None, self._explain_log(event))

    def _explain_log(self, event: Event) -> LogExplanation | None:
        if self._log is None or self._filter is None:
            return None
        if event.log is None:
            return LogExplanation(self._log.groups, None, covers=False, matches=False, terms=())
        message = event.log.message
        return LogExplanation(
            self._log.groups,
            event.log.group,
            covers=self._log.covers(event.log.group),
            matches=self._filter.match(message) is not None,
            terms=self._filter.explain(message),
        )
