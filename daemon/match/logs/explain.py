"""Why a message matches a filter pattern or does not: every term with what it asked, what was there, and its verdict.

FilterPattern.explain calls it for `vigild explain`.  It asks the same tests as a match does, but every one of them.
"""

from __future__ import annotations

from typing import TypedDict

from daemon.match.logs.document import Document
from daemon.match.logs.evaluate import Evaluator, term_test
from daemon.match.logs.fields import Line, slot_texts
from daemon.match.logs.syntax import (
    DelimitedPattern,
    JsonPattern,
    JsonTest,
    Pattern,
    TermsPattern,
    leaves,
)
from daemon.match.logs.values import field_test, text_of
from daemon.match.text import MOST_CHARACTERS, cut


class Finding(TypedDict):
    """The result of one term of a pattern."""

    asked: str
    """The term as written."""
    found: str
    """What the message has there, cut; what upsets a terminal is escaped."""
    verdict: bool | None
    """None if the term does not count (`?term` beside a term without the mark)."""


def explain(pattern: Pattern, evaluator: Evaluator, message: str) -> list[Finding]:
    """Return a finding for each term, in the order written; never raises."""
    match pattern:
        case TermsPattern():
            return _terms(pattern, message)
        case JsonPattern(condition=condition):
            document = evaluator.projection.view(message)
            if document is None:
                return [Finding(asked="a JSON object", found=cut(message), verdict=False)]
            return [_json(leaf, document, evaluator) for leaf in leaves(condition)]
        case DelimitedPattern():
            return _delimited(pattern, message)


def _terms(pattern: TermsPattern, message: str) -> list[Finding]:
    findings = []
    for term in pattern.terms:
        asked = term.role + term.text
        if term in pattern.deciding:
            verdict = term_test(term)(message)
            findings.append(Finding(asked=asked, found=cut(message), verdict=verdict))
        else:
            findings.append(Finding(asked=asked, found="ignored beside a term without ?", verdict=None))
    return findings


def _json(leaf: JsonTest, document: Document, evaluator: Evaluator) -> Finding:
    values = evaluator.projection.all_reader(leaf.selector.steps)(document)
    found = ", ".join(map(_json_text, values[:MOST_CHARACTERS])) if values else "absent"
    return Finding(asked=leaf.text, found=cut(found), verdict=evaluator.json_test(leaf)(document))


def _json_text(value: object) -> str:
    """Return a value as JSON; an object or array only by its kind, it may be large."""
    if isinstance(value, str):
        return f'"{value}"'
    return text_of(value) or ("an array" if isinstance(value, list) else "an object")


def _delimited(pattern: DelimitedPattern, message: str) -> list[Finding]:
    line = Line(message)
    slots = pattern.left + (pattern.right or ())
    texts = slot_texts(pattern, line)
    count = Finding(asked=f"{len(slots)} fields or more", found=str(len(line.texts)), verdict=texts is not None)
    return [count] + [
        Finding(asked=leaf.text, found=cut(text), verdict=field_test(leaf)(text))
        for slot, text in zip(slots, texts or (), strict=False)
        if slot.condition is not None
        for leaf in leaves(slot.condition)
    ]
