"""Finds sources, regions and calls that are nearly ones of AWS, so that the rule never matches.

Only near misses are said: a service, region or call that is newer than the tables of names.py is like none of them, or
has the form that regions have.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from daemon.match.eventbridge.pattern import Alternative
from daemon.match.lint.findings import Finding, LintCode, Subject, texts_on
from daemon.match.lint.names import CALLS, REGIONS, SOURCES
from daemon.match.lint.records import is_cloudtrail

_OF_AWS: Final = "aws."
_REGION: Final = re.compile(
    r"[a-z]{2,4}(-[a-z]{2,4})?-(central|north|south|east|west|northeast|northwest|southeast|southwest)-[0-9]"
)


def misspelt_values(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each source, region and call with a slip in it."""
    for alternative in subject.sample:
        for text, place in texts_on(alternative, "source"):
            meant = SOURCES.slip_of(text.removeprefix(_OF_AWS)) if text.startswith(_OF_AWS) else None
            if meant:
                yield _finding(place, f"no source is called {text!r}", _OF_AWS + meant)
        yield from _regions(alternative)
        if is_cloudtrail(alternative):
            for text, place in texts_on(alternative, "detail.eventName"):
                meant = CALLS.slip_of(text)
                if meant:
                    yield _finding(place, f"no call is known as {text!r}", meant)


def _regions(alternative: Alternative) -> Iterator[Finding]:
    for path in ("region", "detail.awsRegion"):
        for text, place in texts_on(alternative, path):
            meant = None if _REGION.fullmatch(text) else REGIONS.slip_of(text)
            if meant:
                yield _finding(place, f"no region is called {text!r}", meant)


def _finding(place: str, what: str, meant: str) -> Finding:
    return Finding(LintCode.MISSPELT_VALUE, place, f"{what}; did you mean {meant!r}?")
