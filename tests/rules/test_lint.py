from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import pytest

from daemon.errors import ConfigError
from daemon.rules.lint import LintReport, lint_rules
from daemon.rules.load import load_rules

RULE = """
    rules:
      - name: listed
        description: Somebody lists users.
        pattern:
          source: [aws.iam]
          detail-type: [AWS API Call via CloudTrail]
          detail:
            eventName: [CreateUser, ListUsers]
"""


def lint(folder: Path, *texts: str) -> LintReport:
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(dedent(text))
    load_rules([folder], [], [])
    return lint_rules([folder])


def said(report: LintReport, folder: Path) -> list[str]:
    return [warning.text.removeprefix(f"{folder}/") for warning in report.warnings]


def test_a_warning_has_file_line_rule_and_code(tmp_path: Path) -> None:
    """A person finds the place, a machine the code."""
    report = lint(tmp_path, RULE)

    (text,) = said(report, tmp_path)
    assert text.startswith(
        "0.yaml:9: rules[0].pattern.detail.eventName[1]: listed: read-only-event: ListUsers is read-only"
    )
    assert [(warning.rule, warning.code.value) for warning in report.warnings] == [("listed", "read-only-event")]


def test_a_warning_in_pasted_json_has_its_line(tmp_path: Path) -> None:
    """A pattern that stands as a block of JSON text is warned of on the line of the text."""
    report = lint(
        tmp_path,
        """
        rules:
          - name: pasted
            description: d
            pattern: |
              {
                "source": ["x"],
                "account": ["111122223333",
                            111122223333]
              }
        """,
    )

    assert said(report, tmp_path) == [
        "0.yaml:9: rules[0].pattern: pasted: wrong-type: account is text in every event, so 111122223333 never holds"
    ]


def test_a_reason_silences_a_warning(tmp_path: Path) -> None:
    """What a rule ignores with a reason is counted, no longer said; a code that is not warned of is said."""
    ignoring = RULE + "        lint_ignore: {read-only-event: We read files., data-event: No reason.}\n"
    report = lint(tmp_path, ignoring)

    assert said(report, tmp_path) == [
        "0.yaml:10: rules[0].lint_ignore.data-event: listed: unused-ignore: data-event is not warned of (any more)"
    ]
    assert report.ignored == 1


def test_a_code_without_reason_or_of_no_warning_is_refused(tmp_path: Path) -> None:
    """Codes are a closed list, and each needs its reason."""
    with pytest.raises(ConfigError, match=r"0\.yaml:10: rules\[0\]\.lint_ignore"):
        lint(tmp_path, RULE + "        lint_ignore: {nonsense: x}\n")
    with pytest.raises(ConfigError, match=r"0\.yaml:10: rules\[0\]\.lint_ignore\.data-event"):
        lint(tmp_path, RULE + '        lint_ignore: {data-event: ""}\n')


def test_rules_of_all_files_are_compared(tmp_path: Path) -> None:
    """A rule that another file's rule covers is said to be; one with a log condition covers nothing."""
    wide = "rules:\n  - {name: wide, description: d, pattern: {source: [a, b]}}\n"
    narrow = "rules:\n  - {name: narrow, description: d, pattern: {source: [a], x: [1]}}\n"
    lined = 'rules:\n  - {name: lined, description: d, pattern: {source: [a, b, c]}, log: {filter: "x"}}\n'
    report = lint(tmp_path, wide, narrow, lined)

    assert said(report, tmp_path) == [
        "1.yaml:2: rules[0]: narrow: shadowed-rule: matches only events that also match 'wide'"
    ]


def test_filters_are_looked_at(tmp_path: Path) -> None:
    """A filter's slip is said at the filter."""
    report = lint(
        tmp_path, "rules:\n  - name: x\n    description: d\n    log:\n      groups: [a]\n      filter: ?ERROR FATAL\n"
    )

    assert said(report, tmp_path) == [
        "0.yaml:6: rules[0].log.filter: x: ignored-term: ?ERROR does not count: a term without ? stands beside it"
    ]
