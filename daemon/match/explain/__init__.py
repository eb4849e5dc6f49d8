"""Why an event matches a pattern or does not: field by field, with the event's values, nearest miss first.

`vigild explain` makes an Explainer of the pattern as the rule has it; nothing compiled is asked, so that the verdict is
reached a second way.  findings.py is what comes out, values.py collects what the event has, hints.py guesses what was
meant, arrays.py says which fields disagree about an array's element.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, Final

from daemon.match.eventbridge.document import read_document
from daemon.match.eventbridge.pattern import Alternative, parse_pattern
from daemon.match.explain.arrays import agree, disagreement
from daemon.match.explain.findings import AlternativeFinding, Explanation, FieldFinding, SeenValue
from daemon.match.explain.hints import Hints
from daemon.match.explain.values import Asked, collect
from daemon.match.text import cut, dotted, json_text

__all__ = ("AlternativeFinding", "Explainer", "Explanation", "FieldFinding", "SeenValue")

_MOST_SEEN: Final = 5
"""Values of a field that are shown; those that decide come first."""
_MOST_TESTS: Final = 10
"""Tests of a field that are shown."""


class Explainer:
    """A pattern that is asked about events; raises PatternError for one that EventBridge would refuse."""

    def __init__(self, pattern: str | Mapping[str, object]) -> None:
        self._alternatives = parse_pattern(pattern)

    def misses(self, event: bytes) -> int:
        """Return how many tests fail in the alternative that comes nearest: 0 for a match.  Raises DecodeError."""
        return min(_Reading(self._alternatives, read_document(event)).misses())

    def explain(self, event: bytes, most: int = 3) -> Explanation:
        """Return what is asked for and what is there, for the `most` alternatives that come nearest.

        Raises DecodeError for an event that cannot be read.
        """
        reading = _Reading(self._alternatives, read_document(event))
        misses = reading.misses()
        nearest = sorted(range(len(misses)), key=misses.__getitem__)
        findings = tuple(reading.finding(number) for number in nearest[:most])
        return Explanation(misses[nearest[0]], findings, len(nearest))


class _Reading:
    """A pattern on one event."""

    def __init__(self, alternatives: list[Alternative], document: dict[str, Any]) -> None:
        self._hints = Hints(document)
        fields = collect(document, {condition.steps for each in alternatives for condition in each})
        # By identity: alternatives share their conditions, and a condition may hold thousands of tests.
        asked = {id(each): Asked(each, fields[each.steps]) for alternative in alternatives for each in alternative}
        self._alternatives = [[asked[id(each)] for each in alternative] for alternative in alternatives]

    def misses(self) -> list[int]:
        """Return how many tests fail in each alternative; beside one that matches, others need not be settled."""
        failing = [sum(not each.holds for each in alternative) for alternative in self._alternatives]
        is_matched = False
        for number, alternative in enumerate(self._alternatives):
            if failing[number] == 0:
                agrees = not is_matched and self._agree(alternative)
                is_matched |= agrees
                failing[number] = int(not agrees)
        return failing

    def _agree(self, alternative: Sequence[Asked]) -> bool:
        return agree(_present(alternative))

    def finding(self, number: int) -> AlternativeFinding:
        """Return what there is to say about an alternative."""
        alternative = self._alternatives[number]
        fields = sorted(map(self._field, alternative), key=lambda finding: finding.holds)
        apart = None
        if all(finding.holds for finding in fields) and not self._agree(alternative):
            apart = disagreement(_present(alternative))
        return AlternativeFinding(number, tuple(fields), apart)

    def _field(self, asked: Asked) -> FieldFinding:
        tests, values = asked.condition.tests, asked.field.values
        failing = islice((value for value in values if not asked.holds_for(value.value)), _MOST_SEEN)
        seen = [*asked.holding, *failing][:_MOST_SEEN]
        return FieldFinding(
            field=dotted(asked.condition.steps),
            place=asked.condition.place,
            tests=tuple(cut(str(test)) for test in tests[:_MOST_TESTS]),
            tests_in_all=len(tests),
            seen=tuple(SeenValue(each.place, json_text(each.value), asked.holds_for(each.value)) for each in seen),
            values_in_all=len(values),
            holds=asked.holds,
            hints=() if asked.holds else self._hints.of(asked.condition, asked.field),
        )


def _present(alternative: Sequence[Asked]) -> list[Asked]:
    return [each for each in alternative if each.field.values]
