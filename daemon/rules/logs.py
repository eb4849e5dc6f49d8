"""The `log:` conditions of all rules, compiled together: which rules does a line of a log group match?

load.py makes one LogRules for each rule set; RuleSet asks it about every event that came out of CloudWatch Logs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec
import orjson

from daemon.event import Event, LogLine, LogRecord
from daemon.match.logs import FilterPattern, FilterSet
from daemon.match.logs.parse import parse
from daemon.match.logs.syntax import DelimitedPattern
from daemon.rules.model import LogCondition

_MAX_GROUPS = 1_024
"""Log groups whose rules are remembered; an account has a few hundred."""
_LONG = 16_384
"""Characters of a message that is looked at alone, so that the event loop has its turn in between."""
_MAX_FIELDS = 1_000
"""Of a line, put into an event: `[...]` numbers every word."""


class _Verdicts(NamedTuple):
    """What was found for the messages of a record."""

    judge: LogRules
    found: Sequence[Sequence[str]]


class LogRules:
    """Conditions by the rule's name.  Immutable but for what it remembers; raises FilterError as FilterSet does."""

    def __init__(self, conditions: Mapping[str, LogCondition], rules: Sequence[str], patterned: Container[str]) -> None:
        """`rules` are the names of all rules, `patterned` of those that have a pattern."""
        self._conditions = conditions
        self._places = {name: place for place, name in enumerate(rules)}
        self._patterned = patterned
        self._filters = FilterSet({condition.filter: condition.filter for condition in conditions.values()})
        """Under their own texts: thousands of rules on as many groups may have one filter."""
        self._groups: dict[str, Mapping[str, Sequence[str]]] = {}

    def __len__(self) -> int:
        return len(self._conditions)

    def joined(self, patterned: Sequence[str], line: LogLine | None) -> list[str]:
        """Return the rules that match, in their order: those all of whose conditions hold.

        `patterned` are the rules whose pattern holds.
        """
        held = () if line is None else set(self.find(line))
        if not held and not patterned:
            return []
        found = [name for name in patterned if name in held or name not in self._conditions]
        found += [name for name in held if name not in self._patterned]
        found.sort(key=self._places.__getitem__)
        return found

    def find(self, line: LogLine) -> Iterable[str]:
        """Return the names of the rules whose condition holds, in no order."""
        waiting = self._waiting(line.group)
        if not waiting:
            return ()
        return [name for text in self._holding(line) for name in waiting.get(text, ())]

    def held(self, group: str, record: LogRecord) -> Sequence[bool] | None:
        """Return for each message whether a condition may hold, None where no rule looks at its log group."""
        waiting = self._waiting(group)
        if not waiting:
            return None
        names = waiting.keys()
        held = [bool(texts) and not names.isdisjoint(texts) for texts in self._judged(record)]
        if _longest(record) > _LONG:
            return [is_held or len(message) > _LONG for is_held, message in zip(held, record.messages, strict=True)]
        return held

    def _holding(self, line: LogLine) -> Sequence[str]:
        """Return the filters that match; the first question about a record's message answers for all of them."""
        if line.record is None or len(line.message) > _LONG:
            return self._filters.match(line.message)
        return self._judged(line.record)[line.position]

    def _judged(self, record: LogRecord) -> Sequence[Sequence[str]]:
        """Return the filters that match each message, none for a long one, which is looked at alone."""
        verdicts = record.verdicts
        if not isinstance(verdicts, _Verdicts) or verdicts.judge is not self:
            messages = record.messages
            if _longest(record) > _LONG:
                messages = [message if len(message) <= _LONG else "" for message in messages]
            verdicts = record.verdicts = _Verdicts(self, self._filters.match_all(messages))
        return verdicts.found

    def look_at(self, group: str) -> bool:
        """Whether any rule looks at the lines of a log group."""
        return bool(self._waiting(group))

    def _waiting(self, group: str) -> Mapping[str, Sequence[str]]:
        """Return the rules that look at a log group, under their filters."""
        waiting = self._groups.get(group)
        if waiting is None:
            found = defaultdict(list)
            for name, condition in self._conditions.items():
                if condition.covers(group):
                    found[condition.filter].append(name)
            if len(self._groups) >= _MAX_GROUPS:
                self._groups.clear()
            waiting = self._groups[group] = dict(found)
        return waiting


def _longest(record: LogRecord) -> int:
    return max(map(len, record.messages), default=0)


def extraction(condition: LogCondition) -> Callable[[Event], Event] | None:
    """Return what puts the fields that a space-delimited filter finds into an event, None for other filters.

    They stand where a subscription filter's own would, under `$.detail.extractedFields`, without the `$` before their
    names.  An event that the line itself held is left as it is.  Raises FilterError.
    """
    if not isinstance(parse(condition.filter), DelimitedPattern):
        return None
    pattern = FilterPattern(condition.filter)

    def extract(event: Event) -> Event:
        if event.log is None or not event.identity.startswith("logs:"):
            return event
        fields = list((pattern.match(event.log.message) or {}).items())[:_MAX_FIELDS]
        document = event.document()
        document["detail"]["extractedFields"] = {name[1:]: text for name, text in fields}
        return msgspec.structs.replace(event, body=orjson.dumps(document))

    return extract
