"""Rules with a `log:` condition."""

from __future__ import annotations

from pathlib import Path
from textwrap import dedent

import orjson
import pytest

from daemon.dispatch.plan import Match, plan
from daemon.errors import ConfigError
from daemon.event import Event, LogLine
from daemon.rules import RuleSet
from daemon.rules.load import load_rules
from daemon.rules.trial import run_tests

RULES = """
rules:
  - name: web-errors
    description: A web server says that something is wrong.
    log: {groups: [/app/web, "/app/shop/*"], filter: ERROR -Timeout}
  - name: any-error
    description: Anyone says that something is wrong.
    log: {filter: ERROR}
  - name: stopped
    description: An instance was stopped.
    pattern: {detail: {eventName: [StopInstances]}}
  - name: stopped-by-root
    description: An instance was stopped, and the line says by whom.
    pattern: {detail: {eventName: [StopInstances]}}
    log: {groups: [trail], filter: '{ $.userIdentity.type = "Root" }'}
"""
STOPPED = {"eventName": "StopInstances", "userIdentity": {"type": "Root"}}


def load(folder: Path, text: str) -> RuleSet:
    (folder / "rules.yaml").write_text(dedent(text))
    return load_rules([folder], ["alerts"], ["alerts"])


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(folder, text)
    return [problem.removeprefix(f"{folder}/") for problem in caught.value.problems]


def line(group: str, message: str) -> Event:
    body = orjson.dumps({"source": "aws.logs", "detail": {"logGroup": group, "message": message}})
    return Event("logs:1", body, "", log=LogLine(group, "s", message))


def stopped(group: str | None = None, **changes: object) -> Event:
    detail = {**STOPPED, **changes}
    log = None if group is None else LogLine(group, "s", orjson.dumps(detail).decode())
    return Event("cloudtrail:1", orjson.dumps({"source": "aws.ec2", "detail": detail}), "", log=log)


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (line("/app/web", "ERROR 500"), ["web-errors", "any-error"]),
        (line("/app/shop/cart", "ERROR 500"), ["web-errors", "any-error"]),
        (line("/app/webs", "ERROR 500"), ["any-error"]),
        (line("/app/shop", "ERROR 500"), ["any-error"]),
        (line("/app/web", "ERROR Timeout"), ["any-error"]),
        (line("/app/web", "INFO"), []),
        (stopped(), ["stopped"]),
        (stopped("trail"), ["stopped", "stopped-by-root"]),
        (stopped("other"), ["stopped"]),
        (stopped("trail", userIdentity={"type": "IAMUser"}), ["stopped"]),
        (stopped("trail", eventName="StartInstances"), []),
        (stopped("trail", eventName="ERROR"), ["any-error"]),
    ],
)
def test_all_conditions_of_a_rule_must_hold(tmp_path: Path, event: Event, expected: list[str]) -> None:
    """Group, filter and pattern all count; rules come in the order of the files."""
    assert load(tmp_path, RULES).find(event) == expected


def test_thousands_of_rules_share_one_filter(tmp_path: Path) -> None:
    """Rules with the same filter on groups of their own are told apart by the group."""
    rules = "".join(
        f"  - {{name: r{number}, description: d, log: {{groups: [/app/{number}], filter: '?ERROR ?WARN'}}}}\n"
        for number in range(2_000)
    )
    rule_set = load(tmp_path, "rules:\n" + rules)

    for number in (0, 7, 1_999):
        assert rule_set.find(line(f"/app/{number}", "a WARNING")) == [f"r{number}"]
    assert rule_set.find(line("/app/2000", "a WARNING")) == []


def test_more_groups_than_are_remembered(tmp_path: Path) -> None:
    """Ever new log groups change nothing about what is found."""
    rule_set = load(tmp_path, RULES)

    for number in range(3_000):
        assert rule_set.find(line(f"/app/shop/{number}", "ERROR")) == ["web-errors", "any-error"]
    assert rule_set.find(line("/app/web", "ERROR")) == ["web-errors", "any-error"]


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("log: {filter: '{ $.a = }'}", "rules.yaml:4: rules[0].log.filter: CloudWatch Logs refuses this: "),
        ("log: {filter: '{ $.a = }'}", "(at character 8, before '}')"),
        ("log: {filter: '{ $.a = 1'}", "(at character 9, at its end)"),
        ("log: {filter: '" + "x" * 1_025 + "'}", "rules.yaml:4: rules[0].log.filter: CloudWatch Logs refuses this: "),
        ("log:\n      filter: |\n        [a,\n         b c]", "rules.yaml:7: rules[0].log.filter: "),
        ("log: {groups: [a], fitler: x}", "rules.yaml:4: rules[0].log.fitler: unknown field; did you mean 'filter'?"),
        ("log: {groups: [a]}", "rules.yaml:4: rules[0].log: 'filter' is missing"),
        ("log: {groups: [], filter: x}", "rules.yaml:4: rules[0].log.groups: "),
        ("log: {groups: [a*b], filter: x}", "rules.yaml:4: rules[0].log.groups[0]: "),
        ("severity: low", "rules.yaml:2: rules[0]: a rule needs 'pattern', 'log' or both"),
        (
            "log: {filter: x}\n    tests: [{name: a, match: true}]",
            "rules.yaml:5: rules[0].tests[0]: a test needs either 'event' or 'log'",
        ),
    ],
)
def test_a_fault_names_file_line_field_and_place(tmp_path: Path, rule: str, expected: str) -> None:
    """Each kind of slip in a condition is said where it stands."""
    found = problems(tmp_path, f"rules:\n  - name: x\n    description: d\n    {rule}\n")

    assert any(expected in problem for problem in found), found


def test_every_refused_filter_is_said_at_once(tmp_path: Path) -> None:
    """Wrong filters and wrong patterns of all rules come in one list."""
    text = (
        RULES.replace("ERROR -Timeout", "ERROR-")
        .replace("filter: ERROR}", "filter: E*}")
        .replace("[StopI", "[5, {}, [")
    )
    found = problems(tmp_path, text.replace("nstances]}}", "nstances]]}}"))

    assert sum("CloudWatch Logs refuses this" in problem for problem in found) == 2
    assert sum("EventBridge refuses this" in problem for problem in found) == 2


def test_tests_beside_rules_may_be_log_events(tmp_path: Path) -> None:
    """A log event stands beside a rule as text or as the object that was logged as JSON."""
    trail = {"group": "trail", "stream": "111122223333_CloudTrail_eu-west-1"}
    record = {**STOPPED, "eventID": "1", "eventSource": "ec2.amazonaws.com", "eventType": "AwsApiCall"}
    tests = [
        {"name": "by root", "match": True, "log": {**trail, "message": record}},
        {"name": "as text", "match": True, "log": {**trail, "message": orjson.dumps(record).decode()}},
        {"name": "by a user", "match": False, "log": {**trail, "message": {**record, "userIdentity": {}}}},
        {"name": "forged", "match": False, "log": {"group": "app", "message": record}},
        {"name": "without its line", "match": False, "event": record},
        {"name": "wrong", "match": False, "log": {**trail, "message": record}},
    ]
    verdicts = list(run_tests(load(tmp_path, RULES + f"    tests: {orjson.dumps(tests).decode()}\n"), ("trail",)))

    assert [verdict.passed for verdict in verdicts] == [True] * 5 + [False]


def test_targets_see_what_the_rules_own_filter_extracts(tmp_path: Path) -> None:
    """The fields of a space-delimited filter stand under detail.extractedFields, for each rule its own."""
    rules = load(
        tmp_path,
        """
        rules:
          - {name: two, description: d, log: {filter: "[ip, rest]"}}
          - {name: three, description: d, log: {filter: "[ip, , status=4*]"}}
          - {name: plain, description: d, log: {filter: GET}}
        """,
    )
    event = line("/app/web", '10.0.0.1 "GET /" 404')
    intents = plan(Match(event, rules.matched(rules.find(event))))
    fields = {intent.rule.name: intent.event.document()["detail"].get("extractedFields") for intent in intents}

    assert fields == {
        "two": {"ip": "10.0.0.1", "rest": '"GET /" 404'},
        "three": {"ip": "10.0.0.1", "2": "GET /", "status": "404"},
        "plain": None,
    }
    assert {intent.event.identity for intent in intents} == {"logs:1"}


def test_an_event_that_a_line_held_is_left_as_it_is(tmp_path: Path) -> None:
    """A CloudTrail event gets no fields of a filter put into it; nor does an event without a line."""
    rules = load(tmp_path, 'rules:\n  - {name: x, description: d, log: {filter: "[a]"}}\n')
    (rule,) = rules.matched(["x"])

    assert [intent.event.body for intent in plan(Match(stopped("trail"), (rule,)))] == [stopped().body]
    assert [intent.event.body for intent in plan(Match(stopped(), (rule,)))] == [stopped().body]


def test_a_line_of_too_many_words_gives_no_more_fields_than_it_may(tmp_path: Path) -> None:
    """A huge line does not make an alert many times its size."""
    rules = load(tmp_path, 'rules:\n  - {name: x, description: d, log: {filter: "[...]"}}\n')
    (intent,) = plan(Match(line("g", "a " * 50_000), rules.matched(["x"])))

    assert len(intent.event.document()["detail"]["extractedFields"]) == 1_000
