"""Warns of patterns and filters that are valid but cannot mean what their author wants; pure, no I/O.

rules/lint.py asks about every rule and adds file and line.  To add a check:
1. its code, with a line of why, in findings.py;
2. a function `(Subject) -> Iterator[Finding]`, with the page its facts come from in the module's docstring;
3. its name in _CHECKS below;
4. an example that is warned of, and one that is not, in tests/match/lint/test_patterns.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Final

from daemon.match.lint.breadth import breadth, fields_beside_or
from daemon.match.lint.calls import global_regions, undelivered_calls
from daemon.match.lint.contradictions import contradictions
from daemon.match.lint.detail_types import detail_types
from daemon.match.lint.filters import lint_filter
from daemon.match.lint.findings import Finding, LintCode, Subject
from daemon.match.lint.overlap import Overlaps, overlaps
from daemon.match.lint.records import misspelt_fields, wrong_types
from daemon.match.lint.values import misspelt_values
from daemon.match.lint.wildcards import costly_wildcards

__all__ = ("Finding", "LintCode", "Overlaps", "Subject", "lint_filter", "lint_pattern", "overlaps")

_CHECKS: Final[Sequence[Callable[[Subject], Iterator[Finding]]]] = (
    contradictions,
    breadth,
    fields_beside_or,
    costly_wildcards,
    wrong_types,
    misspelt_fields,
    misspelt_values,
    undelivered_calls,
    global_regions,
    detail_types,
)

_MOST_PLACES: Final = 10
"""Findings of one code that are said of one pattern."""


def lint_pattern(subject: Subject) -> list[Finding]:
    """Return what is to say about a pattern: each place once for each code, and a few places for each code."""
    found: dict[LintCode, dict[str, Finding]] = {}
    for check in _CHECKS:
        for finding in check(subject):
            found.setdefault(finding.code, {}).setdefault(finding.place, finding)
    return [finding for places in found.values() for finding in _few(list(places.values()))]


def _few(findings: list[Finding]) -> list[Finding]:
    left = len(findings) - _MOST_PLACES
    if left <= 0:
        return findings
    *kept, last = findings[:_MOST_PLACES]
    return [*kept, replace(last, message=f"{last.message} (and {left} more like this)")]
