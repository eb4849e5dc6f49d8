"""Finds patterns that rule next to nothing out, and fields that mean something else to EventBridge itself."""

from __future__ import annotations

from collections.abc import Iterator

from daemon.match.eventbridge.operators import Affix, AnythingBut, Exists, InBlock, Test, Wildcard
from daemon.match.eventbridge.pattern import Alternative, Group
from daemon.match.lint.findings import Finding, LintCode, Subject


def breadth(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for the first alternative in which no field is narrowed down."""
    for alternative in subject.sample:
        if all(any(map(_is_broad, condition.tests)) for condition in alternative):
            what = " and ".join(str(condition.tests[0]) for condition in alternative[:2])
            message = f"nothing but {what} is asked for, which holds for nearly every event; name a source as well"
            yield Finding(LintCode.MATCHES_NEARLY_ALL, _first_place(alternative), message)
            return


def _is_broad(test: Test) -> bool:
    if isinstance(test, Affix):
        return not test.text
    if isinstance(test, Wildcard):
        return not any(test.pieces) and len(test.pieces) > 1
    if isinstance(test, InBlock):
        return test.block.bits == 0
    return isinstance(test, AnythingBut | Exists)


def _first_place(alternative: Alternative) -> str:
    return alternative[0].place if len(alternative) == 1 else "$"


def fields_beside_or(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each field that stands beside an `$or` and inside one of its alternatives."""
    yield from _beside(subject.group, {})


def _beside(group: Group, outer: dict[str, str]) -> Iterator[Finding]:
    for condition in group.conditions.values():
        if condition.path in outer:
            message = (
                f"both this and {outer[condition.path]} must hold here, as AWS documents it; "
                "EventBridge itself lets this one replace the other"
            )
            yield Finding(LintCode.FIELD_BESIDE_OR, condition.place, message)
    own = outer | {condition.path: condition.place for condition in group.conditions.values()}
    for _, groups in group.choices:
        for inner in groups:
            yield from _beside(inner, own)
