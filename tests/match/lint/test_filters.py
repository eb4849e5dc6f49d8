import pytest

from daemon.errors import FilterError
from daemon.match import FilterPattern
from daemon.match.lint import LintCode, lint_filter
from tests.match.logs.made_up import MadeUp


def codes(text: str) -> list[LintCode]:
    return [finding.code for finding in lint_filter(FilterPattern(text).tree)]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("?ERROR FATAL", LintCode.IGNORED_TERM),
        ("?ERROR -DEBUG", LintCode.IGNORED_TERM),
        ("ERROR -ERR", LintCode.FILTER_CANNOT_MATCH),
        ('-""', LintCode.FILTER_CANNOT_MATCH),
        ('" "', LintCode.FILTER_MATCHES_ALL),
        ('?ERROR ?""', LintCode.FILTER_MATCHES_ALL),
        ('{ $.a = "x" && $.a = "y" }', LintCode.FILTER_CANNOT_MATCH),
        ('{ $.b = 1 && ($.a = "x" && $.a != "x") }', LintCode.FILTER_CANNOT_MATCH),
        ("{ $.a > 5 && $.a <= 5 }", LintCode.FILTER_CANNOT_MATCH),
        ("{ $.a = 5 && $.a NOT EXISTS }", LintCode.FILTER_CANNOT_MATCH),
        ("{ $.a IS TRUE && $.a IS FALSE }", LintCode.FILTER_CANNOT_MATCH),
        ("{ ($.a = 1 && $.a = 2) || ($.b = 1 && $.b = 2) }", LintCode.FILTER_CANNOT_MATCH),
        ('{ $.a != "x" || $.a != "y" }', LintCode.FILTER_MATCHES_ALL),
        ("[a, code=404 && code=500]", LintCode.FILTER_CANNOT_MATCH),
        ("[a, code!=404 || code!=500]", LintCode.FILTER_MATCHES_ALL),
    ],
)
def test_what_cannot_be_meant_is_warned_of(text: str, code: LintCode) -> None:
    """Each kind of slip in a filter is found once."""
    assert codes(text) == [code]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ERROR -DEBUG",
        "?ERROR ?FATAL",
        "ERR -ERROR",
        '{ $.a = "x" || $.a = "y" }',
        '{ $.a != "x" && $.a != "y" }',
        '{ $.a = "x*" && $.a = "*y" }',
        "{ $.a[*] = 1 && $.a[*] = 2 }",
        "{ $.a >= 5 && $.a <= 5 }",
        "{ ($.a = 1 && $.a = 2) || $.b = 1 }",
        '{ $.a NOT EXISTS || $.a != "x" }',
        "[a=x, b=y]",
        "[code=4* && code!=404]",
    ],
)
def test_what_can_be_meant_is_left_alone(text: str) -> None:
    """Near to each kind of slip there is a filter that is none."""
    assert codes(text) == []


def test_what_is_said_to_match_nothing_matches_nothing() -> None:
    """Of made-up filters, those that are warned of keep their word on made-up messages."""
    made_up = MadeUp(5)
    dead = 0
    for _ in range(4_000):
        try:
            pattern = FilterPattern(made_up.pattern())
        except FilterError:
            continue
        if LintCode.FILTER_CANNOT_MATCH in {finding.code for finding in lint_filter(pattern.tree)}:
            dead += 1
            assert not any(pattern.match(made_up.message()) is not None for _ in range(40)), pattern
    assert dead > 50
