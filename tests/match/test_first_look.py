"""The first look that small rule sets learn from the traffic: it makes matching cheaper, never different."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from daemon.match import Matcher
from tests.match.reference import matches

_RULES: dict[str, Any] = {
    "call": {"source": ["aws.ec2", "aws.s3"], "detail": {"eventName": ["Run", "Stop"], "who": {"type": ["Root"]}}},
    "failure": {"detail": {"errorCode": [{"exists": True}], "eventName": [{"anything-but": ["List"]}]}},
    "read": {"detail": {"readOnly": [True], "count": [{"numeric": ["<", 3]}]}},
    "write": {"detail": {"readOnly": [False], "who": {"arn": [{"wildcard": "arn:*:7*"}]}}},
    "none": {"source": ["aws.iam"], "detail": {"errorCode": [{"exists": False}], "who": {"type": ["Nobody"]}}},
}


def _quiet(rng: random.Random) -> dict[str, Any]:
    """Draw an event that matches hardly any rule."""
    who = {"type": "User", "arn": f"arn:aws:{rng.randrange(500)}"}
    return {"source": rng.choice(("aws.ec2", "aws.sqs")), "detail": {"eventName": "List", "readOnly": 1, "who": who}}


def _busy(rng: random.Random) -> dict[str, Any]:
    """Draw an event that is likely to match, or is of an odd shape."""
    detail = {
        "eventName": rng.choice(("Run", "Stop", "List", ["List", "Run"], None)),
        "readOnly": rng.choice((True, False, 0, 1, "true")),
        "count": rng.choice((1, 5, 2.5)),
        "who": rng.choice(({"type": "Root"}, [{"type": "Root"}, {"arn": "arn:x:7"}], "Root", {"arn": "arn:aws:77"})),
        "errorCode": rng.choice(("Denied", None)),
    }
    for name in rng.sample(sorted(detail), 2):
        del detail[name]
    return {"source": rng.choice(("aws.ec2", "aws.iam")), "detail": detail}


def _traffic() -> Iterator[bytes]:
    """Draw quiet hours that teach a first look, busy ones that wear it out, and both together."""
    rng = random.Random(7)
    for kinds, count in (((_quiet,), 1_000), ((_busy,), 1_000), ((_quiet, _busy), 2_000), ((_quiet,), 2_000)):
        for _ in range(count):
            yield json.dumps(rng.choice(kinds)(rng)).encode()


@pytest.mark.parametrize("face", ["match", "find", "find_screened"])
def test_what_traffic_has_taught_changes_no_verdict(face: str) -> None:
    """Before a first look is chosen, with it, after it has been given up and chosen anew, each event gets its rules."""
    find = getattr(Matcher(_RULES), face)
    for event in _traffic():
        assert find(event) == [name for name, pattern in _RULES.items() if matches(pattern, event.decode())], event


def test_a_value_comes_back_right_after_the_memory_was_full() -> None:
    """More values than may be remembered push others out, which are then worked out again."""
    matcher = Matcher({f"rule-{n}": {"a": [{"prefix": f"{n:02}"}], "b": [{"exists": True}]} for n in range(100)})
    for n in range(200_000):
        text = f"{n % 100:02}" + f"{n}" * 20
        assert matcher.match(json.dumps({"a": text, "b": 1}).encode()) == [f"rule-{n % 100}"]
    assert matcher.match(b'{"a":"0000000000000000000000","b":1}') == ["rule-0"]
