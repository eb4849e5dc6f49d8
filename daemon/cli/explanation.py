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
from daemon.rules.explain import LogExplanation, RuleExplanation


def as_object(rule: Rule, position: int, event: Event, explanation: RuleExplanation) -> str:
    """Return one line of JSON."""
    about = {
        "rule": rule.matched.name,
        "origin": rule.origin,
        "event": position,
        "identity": event.identity,
        "time": event.time,
        "matches": explanation.misses == 0,
        "misses": explanation.misses,
    }
    return orjson.dumps(about | dataclasses.asdict(explanation)).decode()


def as_text(rule: Rule, position: int, event: Event, explanation: RuleExplanation) -> str:
    """Return some lines with an empty one at the end."""
    lines = [*_head(rule, position, event, explanation)]
    if explanation.pattern:
        lines += _alternatives(explanation.pattern)
    if explanation.log:
        lines += _log(explanation.log)
    return "\n".join([*lines, ""])


def failures(event: Event, explanation: RuleExplanation) -> list[str]:
    """Return only what fails, in the alternative that comes nearest."""
    lines = [*_reading(event)]
    if explanation.pattern:
        nearest = explanation.pattern.alternatives[0]
        lines += _alternative(nearest, [finding for finding in nearest.fields if not finding.holds])
    if explanation.log:
        lines += _log(explanation.log)
    return lines


def _head(rule: Rule, position: int, event: Event, explanation: RuleExplanation) -> Iterator[str]:
    yield f"rule   {rule.matched.name}  {rule.origin}"
    yield f"event  {position}  {cut(event.identity)}  {cut(event.time)}"
    yield from _reading(event)
    if explanation.misses == 0:
        yield _verdict("matches", well=True)
    else:
        test = "test fails" if explanation.misses == 1 else "tests fail"
        ways = explanation.pattern.alternatives_in_all if explanation.pattern else 1
        where = f" in the nearest of {ways} alternatives" if ways > 1 else ""
        yield _verdict("does not match", well=False) + f": {explanation.misses} {test}{where}"


def _reading(event: Event) -> Iterator[str]:
    """Say how an event was read that is none of AWS's."""
    if read_document(event.body).get("source") == UNKNOWN_SOURCE:
        yield "       no CloudTrail record, no EventBridge event (detail-type, source, id, detail): taken as `detail`"


def _log(log: LogExplanation) -> Iterator[str]:
    yield f"  {_mark(holds=log.covers)} log group"
    yield f"         rule   {' or '.join(log.groups)}"
    yield f"         event  {cut(log.group) if log.group is not None else 'did not come out of CloudWatch Logs'}"
    if log.group is None:
        return
    yield f"  {_mark(holds=log.matches)} log filter"
    for term in log.terms:
        verdict = "    " if term["verdict"] is None else _mark(holds=term["verdict"])
        yield f"    {verdict} {cut(term['asked'])}"
        yield f"           event  {cut(term['found'])}"


def _mark(*, holds: bool) -> str:
    return _verdict("ok  " if holds else "FAIL", well=holds)


def _verdict(word: str, *, well: bool) -> str:
    return typer.style(word, fg=typer.colors.GREEN if well else typer.colors.RED, bold=True)


def _alternatives(explanation: Explanation) -> Iterator[str]:
    for rank, alternative in enumerate(explanation.alternatives):
        if explanation.alternatives_in_all > 1:
            yield f"alternative {alternative.number + 1} of {explanation.alternatives_in_all}"
        shown = [finding for finding in alternative.fields if rank == 0 or not finding.holds]
        yield from _alternative(alternative, shown)
        holding = len(alternative.fields) - len(shown)
        if holding:
            yield f"  {_mark(holds=True)} {holding} more"
        if alternative.matches:
            return
    left = explanation.alternatives_in_all - len(explanation.alternatives)
    if left:
        yield f"{left} more alternative(s) fail in as many tests or more"


def _alternative(alternative: AlternativeFinding, shown: list[FieldFinding]) -> Iterator[str]:
    if alternative.disagreement:
        yield f"  {_mark(holds=False)} {alternative.disagreement}"
    for finding in shown:
        yield from _field(finding)


def _field(finding: FieldFinding) -> Iterator[str]:
    yield f"  {_mark(holds=finding.holds)} {finding.field}"
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
