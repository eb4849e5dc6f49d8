"""Writes an explanation for a person, or as JSON; explain.py calls it for each event."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import orjson
import typer

from daemon.decode.unknown import UNKNOWN_SOURCE
from daemon.event import Event
from daemon.match.eventbridge.document import read_document
from daemon.match.explain import AlternativeFinding, Explanation, FieldFinding
from daemon.match.text import cut
from daemon.rules import Rule


def as_object(rule: Rule, position: int, event: Event, explanation: Explanation) -> str:
    """Return one line of JSON."""
    about = {
        "rule": rule.matched.name,
        "origin": rule.origin,
        "event": position,
        "identity": event.identity,
        "time": event.time,
        "matches": explanation.misses == 0,
    }
    return orjson.dumps(about | dataclasses.asdict(explanation)).decode()


def as_text(rule: Rule, position: int, event: Event, explanation: Explanation) -> str:
    """Return some lines with an empty one at the end."""
    return "\n".join([*_head(rule, position, event, explanation), *_alternatives(explanation), ""])


def _head(rule: Rule, position: int, event: Event, explanation: Explanation) -> Iterator[str]:
    yield f"rule   {rule.matched.name}  {rule.origin}"
    yield f"event  {position}  {cut(event.identity)}  {cut(event.time)}"
    if read_document(event.body).get("source") == UNKNOWN_SOURCE:
        yield "       no CloudTrail record, no EventBridge event (detail-type, source, id, detail): taken as `detail`"
    ways = explanation.alternatives_in_all
    if explanation.misses == 0:
        yield _verdict("matches", well=True)
    else:
        test = "test fails" if explanation.misses == 1 else "tests fail"
        where = f" in the nearest of {ways} alternatives" if ways > 1 else ""
        yield _verdict("does not match", well=False) + f": {explanation.misses} {test}{where}"


def _verdict(word: str, *, well: bool) -> str:
    return typer.style(word, fg=typer.colors.GREEN if well else typer.colors.RED, bold=True)


def _alternatives(explanation: Explanation) -> Iterator[str]:
    for rank, alternative in enumerate(explanation.alternatives):
        if explanation.alternatives_in_all > 1:
            yield f"alternative {alternative.number + 1} of {explanation.alternatives_in_all}"
        yield from _alternative(alternative, in_full=rank == 0)
        if alternative.matches:
            return
    left = explanation.alternatives_in_all - len(explanation.alternatives)
    if left:
        yield f"{left} more alternative(s) fail in as many tests or more"


def _alternative(alternative: AlternativeFinding, *, in_full: bool) -> Iterator[str]:
    if alternative.disagreement:
        yield f"  {_verdict('FAIL', well=False)} {alternative.disagreement}"
    for finding in alternative.fields:
        if in_full or not finding.holds:
            yield from _field(finding)
    holding = sum(finding.holds for finding in alternative.fields)
    if holding and not in_full:
        yield f"  {_verdict('ok  ', well=True)} {holding} more"


def _field(finding: FieldFinding) -> Iterator[str]:
    yield f"  {_verdict('ok  ' if finding.holds else 'FAIL', well=finding.holds)} {finding.field}"
    left = finding.tests_in_all - len(finding.tests)
    more = f" or {left} more" if left else ""
    yield f"         rule   {' or '.join(finding.tests)}{more}"
    if not finding.seen:
        yield "         event  no value"
    for number, seen in enumerate(finding.seen):
        place = f"{seen.place} = " if seen.place != finding.field else ""
        mark = "  (holds)" if seen.holds and finding.values_in_all > 1 else ""
        yield f"         {'event ' if number == 0 else '      '} {place}{seen.value}{mark}"
    left = finding.values_in_all - len(finding.seen)
    if left:
        yield f"                and {left} more values"
    for hint in finding.hints:
        yield f"         hint   {hint}"
