from __future__ import annotations

import re
from typing import Any

import pytest

from daemon.match.lint import LintCode, Subject, lint_pattern
from tests.match.pages import DOCS

CALL = {"source": ["aws.s3"], "detail-type": ["AWS API Call via CloudTrail"]}
IAM = {"source": ["aws.iam"], "detail-type": ["AWS API Call via CloudTrail"]}


def codes(pattern: dict[str, Any] | str, description: str = "") -> list[tuple[str, str]]:
    return [(finding.code.value, finding.place) for finding in lint_pattern(Subject(pattern, description))]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        (
            {"source": ["x"], "a": [{"exists": False}], "$or": [{"a": ["b"]}, {"a": [1]}]},
            [("cannot-match", "$.$or[0].a"), ("field-beside-or", "$.$or[0].a"), ("field-beside-or", "$.$or[1].a")],
        ),
        (
            {"source": ["x"], "a": [{"prefix": "b"}], "$or": [{"a": ["c"]}, {"a": ["bc"]}]},
            [
                ("dead-alternative", "$.$or[0].a"),
                ("field-beside-or", "$.$or[0].a"),
                ("field-beside-or", "$.$or[1].a"),
            ],
        ),
        (
            {"source": ["x"], "a": [{"numeric": ["<", 5]}], "$or": [{"b": ["c"]}, {"a": [{"numeric": [">", 5]}]}]},
            [("dead-alternative", "$.$or[1].a"), ("field-beside-or", "$.$or[1].a")],
        ),
        (
            {"source": ["x"], "d": {"a": ["y"], "$or": [{"$or": [{"b": [1]}, {"a": ["y"]}]}, {"c": [1]}]}},
            [("field-beside-or", "$.d.$or[0].$or[1].a")],
        ),
        ({"account": [{"anything-but": "111122223333"}]}, [("matches-nearly-all", "$.account")]),
        ({"a": [{"exists": True}], "b": [{"anything-but": [1]}]}, [("matches-nearly-all", "$")]),
        ({"source": [{"prefix": ""}]}, [("matches-nearly-all", "$.source")]),
        (
            {"$or": [{"source": ["x"]}, {"a": [{"wildcard": "*"}], "b": [{"exists": False}]}]},
            [("matches-nearly-all", "$")],
        ),
        ({"source": ["x"], "a": [{"wildcard": "*ababababab*ababababab*"}]}, [("costly-wildcard", "$.a")]),
        (
            {
                "source": ["x"],
                "a": [{"anything-but": {"wildcard": [f"*{word}*" for word in ("ab", "cd", "ef", "gh", "ij")]}}],
            },
            [("costly-wildcard", "$.a")],
        ),
        ({"account": [111122223333]}, [("wrong-type", "$.account[0]")]),
        ({"detail_type": ["x"]}, [("misspelt-field", "$.detail_type")]),
        ({"Source": ["aws.s3"]}, [("misspelt-field", "$.Source")]),
        ({"source": ["aws.s3"], "details": {"eventName": ["x"]}}, [("misspelt-field", "$.details.eventName")]),
        (
            {"source": ["aws.s3"], "detail": {"requestParameter": {"a": ["b"]}}},
            [("misspelt-field", "$.detail.requestParameter.a")],
        ),
        ({"source": ["aws.s3", "aws.cloudtral"]}, [("misspelt-value", "$.source[1]")]),
        ({"source": ["aws.s3"], "region": ["eu-wst-1"]}, [("misspelt-value", "$.region[0]")]),
        (CALL | {"detail": {"awsRegion": ["us_east-1"]}}, [("misspelt-value", "$.detail.awsRegion[0]")]),
        (CALL | {"detail": {"eventName": ["PutBucketPolcy"]}}, [("misspelt-value", "$.detail.eventName[0]")]),
        (CALL | {"detail": {"eventName": ["putBucketPolicy"]}}, [("misspelt-value", "$.detail.eventName[0]")]),
        (CALL | {"detail": {"eventVersion": [{"numeric": [">", 1]}]}}, [("wrong-type", "$.detail.eventVersion[0]")]),
        (CALL | {"detail": {"readOnly": [True, "false"]}}, [("wrong-type", "$.detail.readOnly[1]")]),
        (
            CALL | {"detail": {"userIdentity": {"sessionContext": {"attributes": {"mfaAuthenticated": [False]}}}}},
            [("wrong-type", "$.detail.userIdentity.sessionContext.attributes.mfaAuthenticated[0]")],
        ),
        (CALL | {"detail": {"eventname": ["CreateBucket"]}}, [("misspelt-field", "$.detail.eventname")]),
        (CALL | {"detail": {"recipientAccountID": ["1"]}}, [("misspelt-field", "$.detail.recipientAccountID")]),
        (CALL | {"detail": {"requestParameter": {"a": ["1"]}}}, [("misspelt-field", "$.detail.requestParameter.a")]),
        (
            CALL | {"detail": {"userIdentity": {"username": ["a"]}}},
            [("misspelt-field", "$.detail.userIdentity.username")],
        ),
        ({"source": ["aws.s3"], "detail": {"EventName": ["x"]}}, [("misspelt-field", "$.detail.EventName")]),
        (CALL | {"detail": {"eventName": ["PutBucketAcl", "GetObject"]}}, [("data-event", "$.detail.eventName[1]")]),
        (
            {"detail": {"eventSource": ["lambda.amazonaws.com"], "eventName": ["Invoke"]}},
            [("data-event", "$.detail.eventName[0]")],
        ),
        (IAM | {"detail": {"eventName": ["ListUsers"]}}, [("read-only-event", "$.detail.eventName[0]")]),
        (IAM | {"detail": {"eventName": [{"prefix": "Get"}]}}, [("read-only-event", "$.detail.eventName[0]")]),
        (IAM | {"detail": {"eventName": [{"wildcard": "Describe*"}]}}, [("read-only-event", "$.detail.eventName[0]")]),
        (IAM | {"detail": {"readOnly": [True]}}, [("read-only-event", "$.detail.readOnly[0]")]),
        (CALL | {"detail": {"eventCategory": ["Data"]}}, [("data-event", "$.detail.eventCategory[0]")]),
        (CALL | {"detail": {"managementEvent": [False]}}, [("data-event", "$.detail.managementEvent[0]")]),
        (IAM | {"region": ["eu-west-1"]}, [("global-region", "$.region[0]")]),
        (IAM | {"detail": {"awsRegion": [{"prefix": "eu-"}]}}, [("global-region", "$.detail.awsRegion[0]")]),
        ({"source": ["aws.ec2"], "detail-type": ["GuardDuty Finding"]}, [("unknown-detail-type", "$.detail-type[0]")]),
        (
            {"source": ["aws.ec2"], "detail-type": ["EC2 Instance State Change Notification"]},
            [("unknown-detail-type", "$.detail-type[0]")],
        ),
        (
            {"source": ["aws.s3"], "detail-type": ["AWS API call via Cloudtrail"]},
            [("unknown-detail-type", "$.detail-type[0]")],
        ),
        ({"source": ["s3.amazonaws.com"]}, [("unknown-detail-type", "$.source[0]")]),
    ],
)
def test_what_cannot_be_meant_is_warned_of(pattern: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """Each kind of slip is found, at its place in the pattern, and nothing else with it."""
    assert codes(pattern) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": ["x"], "a": [{"prefix": "b"}], "$or": [{"c": [1]}, {"d": [2]}]},
        {"source": ["x"], "a": [{"anything-but": "y"}]},
        {"source": ["x"], "a": [{"wildcard": "*a*"}]},
        {"source": ["x"], "a": [{"wildcard": "arn:aws:iam::*:role/*-admin"}]},
        {"account": ["111122223333"]},
        {"source": ["my.app"], "detail": {"eventname": ["x"], "readOnly": ["yes"], "count": [{"numeric": [">", 1]}]}},
        CALL | {"detail": {"eventName": ["PutBucketAcl"], "readOnly": [False], "errorCode": [{"exists": True}]}},
        CALL | {"detail": {"requestParameters": {"maxKeys": [{"numeric": [">", 1]}]}}},
        CALL | {"detail": {"aFieldToCome": ["x"]}},
        {"source": ["aws.sts"], "detail": {"eventName": ["GetSessionToken"], "eventSource": ["sts.amazonaws.com"]}},
        IAM | {"region": ["us-east-1"]},
        IAM
        | {"detail": {"readOnly": [True, False], "eventName": [{"suffix": "GetUser"}, {"anything-but": "GetUser"}]}},
        IAM | {"region": ["eu-west-1", "us-east-1"]},
        IAM | {"region": [{"anything-but": "eu-west-1"}]},
        {"source": ["aws.iam", "aws.ec2"], "region": ["eu-west-1"]},
        {"source": ["aws.ec2"], "detail-type": ["EC2 Instance State-change Notification"]},
        {"source": ["aws.ec2", "aws.guardduty"], "detail-type": ["GuardDuty Finding"]},
        {"source": [{"prefix": "aws."}], "detail-type": ["GuardDuty Finding"]},
        {"source": ["aws.ec2"], "detail-type": ["EC2 Something New"]},
    ],
)
def test_what_can_be_meant_is_left_alone(pattern: dict[str, Any]) -> None:
    """Near to each kind of slip there is a pattern that is none."""
    assert codes(pattern) == []


def test_a_description_that_says_so_is_enough_for_a_data_event() -> None:
    """Who writes that data events must be on has thought of it."""
    pattern = CALL | {"detail": {"eventName": ["DeleteObject"]}}

    assert codes(pattern, "An object is gone. Needs data events of the bucket.") == []


def test_a_place_is_warned_of_once() -> None:
    """A condition shared by many alternatives is one warning."""
    pattern = {"account": [5], "$or": [{"a": [number]} for number in range(500)]}

    assert codes(pattern) == [("wrong-type", "$.account[0]")]


def test_patterns_beyond_all_reason_take_no_time() -> None:
    """Thousands of wrong tests beside hundreds of alternatives are looked at in part, and said in few warnings."""
    numbers = {"account": list(range(10_000)), "$or": [{"a": [number]} for number in range(1_000)]}
    choices = {"source": ["x"], "a": [{"prefix": f"x{number}"} for number in range(20_000)]}
    beside = choices | {"$or": [{"a": [{"suffix": f"x{number}"} for number in range(20_000)]}, {"b": [1]}]}
    wildcards = {"source": ["x"], "a": [{"wildcard": f"ab*{number}*{number}*c"} for number in range(5_000)]}
    long = {"source": ["x"], "a": [{"wildcard": "*" + "ab" * 200_000 + "*"}]}
    said = lint_pattern(Subject(numbers))

    assert len(said) == 10
    assert said[-1].message.endswith("(and 9990 more like this)")
    assert codes(choices) == []
    assert codes(beside) == [("field-beside-or", "$.$or[0].a")]
    assert codes(wildcards) == codes(long) == [("costly-wildcard", "$.a")]


def test_every_code_is_explained() -> None:
    """A code reads as words, as it stands in rule files."""
    assert all(code.value == code.name.lower().replace("_", "-") for code in LintCode)


def test_the_page_lists_every_code() -> None:
    """Whoever meets a code finds it on docs/warnings.md, and no code there is made up."""
    page = (DOCS / "warnings.md").read_text()

    assert re.findall(r"^\| `([a-z-]+)` \|", page, re.MULTILINE) == [code.value for code in LintCode]
