"""Warns of rules that are valid but cannot mean what their author wants; `vigild check` prints it.

match/lint/ has the checks; here every warning gets file and line, and what a rule ignores with a reason is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from daemon.errors import ConfigError
from daemon.match.eventbridge.places import line_of
from daemon.match.lint import Finding, LintCode, Subject, lint_filter, lint_pattern, overlaps
from daemon.match.logs.parse import parse
from daemon.match.text import cut
from daemon.rules.model import RuleConfig
from daemon.rules.read import Place, read_rules, rule_files

_OVERLAPS = frozenset((LintCode.EQUAL_RULES, LintCode.SHADOWED_RULE))


@dataclass(frozen=True, slots=True)
class RuleWarning:
    """One warning."""

    rule: str
    code: LintCode
    text: str
    """File, line, field, rule, code and why, in one line."""


@dataclass(slots=True)
class LintReport:
    """What was found in all rules."""

    warnings: list[RuleWarning] = field(default_factory=list)
    ignored: int = 0
    """Warnings that a rule gives a reason for."""
    gave_up_at: str | None = None
    """The first rule that was not compared with all others, where there are too many."""


def lint_rules(paths: Sequence[Path]) -> LintReport:
    """Look at all rules of files and folders that load_rules has found without a fault."""
    problems: list[str] = []
    read = [pair for path in rule_files(paths, problems) for pair in read_rules(path, problems)]
    if problems:
        raise ConfigError(*problems)
    return _Linting(read).report


class _Linting:
    def __init__(self, read: Sequence[tuple[RuleConfig, Place]]) -> None:
        self.report = LintReport()
        self._places = {config.name: place for config, place in read}
        findings = {config.name: self._own(config) for config, _ in read}
        self._compare([config for config, _ in read], findings)
        for config, _ in read:
            self._report(config, findings[config.name])

    def _own(self, config: RuleConfig) -> list[Finding]:
        """Return what there is to say about a rule by itself."""
        found = []
        if config.pattern is not None:
            found += lint_pattern(Subject(config.pattern, config.description))
        if config.log is not None:
            found += lint_filter(parse(config.log.filter))
        return found

    def _compare(self, configs: Sequence[RuleConfig], findings: dict[str, list[Finding]]) -> None:
        """Add what there is to say about two rules; those with `log:` ask for more than their pattern says."""
        patterns = {
            config.name: Subject(config.pattern).alternatives
            for config in configs
            if config.pattern is not None and config.log is None
        }
        found = overlaps(patterns)
        self.report.gave_up_at = found.gave_up_at
        for name, finding in found.findings:
            findings[name].append(finding)

    def _report(self, config: RuleConfig, findings: list[Finding]) -> None:
        unused = set(config.lint_ignore)
        for finding in findings:
            if finding.code in config.lint_ignore:
                unused.discard(finding.code)
                self.report.ignored += 1
            else:
                self._warn(config, finding)
        for code in sorted(unused if self.report.gave_up_at is None else unused - _OVERLAPS):
            place = self._places[config.name]
            message = f"{config.name}: {LintCode.UNUSED_IGNORE}: {code} is not warned of (any more)"
            text = place.problem(message, "lint_ignore", code)
            self.report.warnings.append(RuleWarning(config.name, LintCode.UNUSED_IGNORE, text))

    def _warn(self, config: RuleConfig, finding: Finding) -> None:
        place, message = self._places[config.name], f"{config.name}: {finding.code}: {cut(finding.message, most=500)}"
        if finding.code in _FILTER_CODES:
            text = place.filter_problem(message, 1)
        elif finding.place == "$":
            text = place.problem(message)
        else:
            line = line_of(config.pattern, finding.place) if isinstance(config.pattern, str) else 0
            text = place.pattern_problem(message, finding.place, line)
        self.report.warnings.append(RuleWarning(config.name, finding.code, text))


_FILTER_CODES = frozenset((LintCode.FILTER_CANNOT_MATCH, LintCode.FILTER_MATCHES_ALL, LintCode.IGNORED_TERM))
