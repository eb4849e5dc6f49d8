"""The input transformer, by the examples and rules of EventBridge's user guide, and against hostile events."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from daemon.dispatch.transform import InputTransformer, InputTransformerConfig
from daemon.errors import PermanentError
from daemon.event import Event
from daemon.sinks.text import JSON, PLAIN_TEXT

EVENT = {
    "version": "0",
    "id": "7bf73129-1428-4cd3-a780-95db273d1602",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "123456789012",
    "time": "2015-11-11T21:29:54Z",
    "region": "us-east-1",
    "resources": ["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"],
    "detail": {"instance-id": "i-0123456789", "state": "RUNNING", "count": 5, "on": True, "nothing": None},
}
PATHS = {
    "timestamp": "$.time",
    "instance": "$.detail.instance-id",
    "state": "$.detail.state",
    "count": "$.detail.count",
    "on": "$.detail.on",
    "nothing": "$.detail.nothing",
    "resources": "$.resources",
    "detail": "$.detail",
    "missing": "$.detail.missing",
}
RECEIVED_AT = 1_447_277_395.7


def _event(document: object) -> Event:
    return Event(identity="x", body=json.dumps(document).encode(), time="")


def _render(template: str, event: Event | None = None, paths: dict[str, str] | None = None) -> str:
    transformer = InputTransformer(PATHS if paths is None else paths, template)
    return transformer.render(event or _event(EVENT), "example", RECEIVED_AT).decode()


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('"instance <instance> is in <state>"', '"instance i-0123456789 is in RUNNING"'),
        ('"instance \\"<instance>\\" is in <state>"', '"instance \\"i-0123456789\\" is in RUNNING"'),
        ('{\n  "instance" : <instance>,\n  "state": <state>\n}', '{"instance":"i-0123456789","state":"RUNNING"}'),
        (
            '{\n "state": "<state>",\n "text": "instance \\"<instance>\\" is in <state>"\n}',
            '{"state":"RUNNING","text":"instance \\"i-0123456789\\" is in RUNNING"}',
        ),
        (
            '{"instance" : <instance>, "state": [ 9, <state>, true ], "Transformed" : "Yes"}',
            '{"instance":"i-0123456789","state":[9,"RUNNING",true],"Transformed":"Yes"}',
        ),
        ('"<aws.events.rule-name> triggered"', '"example triggered"'),
        ("<count>", "5"),
        ('{"count": <count>, "text": "<count>", "on": <on>, "nothing": <nothing>, "none": "<nothing>"}',
         '{"count":5,"text":"5","on":true,"nothing":null,"none":"null"}'),
        ('{"missing": <missing>, "text": "is <missing>"}', '{"missing":"","text":"is "}'),
        ('{"r": <resources>}', '{"r":["arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111"]}'),
        ('{"r": "<resources>"}', '{"r":"[arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111]"}'),
        ('{"d": "Detail is <detail>"}',
         '{"d":"Detail is {instance-id:i-0123456789,state:RUNNING,count:5,on:true,nothing:null}"}'),
        ('{"two  blanks": "a  b\\t<state>  c" }', '{"two  blanks":"a  b\\tRUNNING  c"}'),
        ('"{[/Check <state>"', '"{[/Check RUNNING"'),
        ('"1 < 2 > 0, <https://host/|link> <state>"', '"1 < 2 > 0, <https://host/|link> RUNNING"'),
        ('{"plain": "JSON"}', '{"plain":"JSON"}'),
    ],
)  # fmt: skip
def test_json_templates(template: str, expected: str) -> None:
    """The guide's examples and rules: values, text inside quotes, arrays, objects, null, what is missing."""
    assert _render(template) == expected
    assert InputTransformer(PATHS, template).content_type == JSON


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("<instance> is in state <state>", "i-0123456789 is in state RUNNING"),
        ('<instance> is in state "<state>"', 'i-0123456789 is in state "RUNNING"'),
        ("Two lines\n<missing>: <resources>", "Two lines\n: [arn:aws:ec2:us-east-1:123456789012:instance/i-abcd1111]"),
        ('"line <state>"\n"line  \\"<instance>\\""\n', '"line RUNNING"\n"line  \\"i-0123456789\\""\n'),
    ],
)
def test_text_templates(template: str, expected: str) -> None:
    """Text without quotes, and several lines in quotes."""
    assert _render(template) == expected
    assert InputTransformer(PATHS, template).content_type == PLAIN_TEXT


def test_predefined_variables() -> None:
    """The event with and without detail, when it came, and the rule, which lives where the event does."""
    template = (
        '{"arn": <aws.events.rule-arn>, "name": "<aws.events.rule-name>", "whole": <aws.events.event.json>,'
        ' "head": <aws.events.event>, "at": <aws.events.event.ingestion-time>}'
    )
    assert json.loads(_render(template, paths={})) == {
        "arn": "arn:aws:events:us-east-1:123456789012:rule/example",
        "name": "example",
        "whole": EVENT,
        "head": {name: value for name, value in EVENT.items() if name != "detail"},
        "at": "2015-11-11T21:29:55Z",
    }


@pytest.mark.parametrize(
    ("region", "partition"),
    [("us-gov-west-1", "aws-us-gov"), ("cn-north-1", "aws-cn"), ("eu-west-1", "aws"), ("", "aws")],
)
def test_the_partition_of_the_rule(region: str, partition: str) -> None:
    """Regions in China and for the government have partitions of their own."""
    arn = _render("<aws.events.rule-arn>", _event({"region": region, "account": "1"}), {})
    assert json.loads(arn) == f"arn:{partition}:events:{region}:1:rule/example"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ('{"a": <unknown>}', "invalid placeholder unknown"),
        ("<aws.events.unknown>", "invalid placeholder aws.events.unknown"),
        ("<br>", "invalid placeholder br"),
        ('{"<state>": 1}', "cannot be used as an object key"),
        ('{"a": {"x <state>": 1}}', "cannot be used as an object key"),
        ('{"a": "<aws.events.event.json>"}', "only be the value"),
        ('"<aws.events.event>"', "only be the value"),
        ("event: <aws.events.event.json>", "only be the value"),
        ('{"a": <state>', "not JSON"),
        ('{"a": <state> <state>}', "not JSON"),
        ('["a" <state>]', "not JSON"),
        ('"a\\<state>"', "not JSON"),
        ('"one\ntwo"', "not JSON"),
        ('{"a": NaN}', "not JSON"),
        ("[" * 8000, "not JSON"),
    ],
)
def test_what_cannot_work_is_refused(template: str, reason: str) -> None:
    """A mistake in the template is found when the rules are loaded, not when an alert is due."""
    with pytest.raises(ValueError, match=reason):
        InputTransformer(PATHS, template)


_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=[])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)  # fmt: skip


@given(_values)
def test_no_value_breaks_out_of_json(value: Any) -> None:
    """Whatever an event holds, the result is the template's JSON with this value where it belongs."""
    template = '{"bare": <v>, "quoted": "a <v> z", "list": [<v>, 1], "whole": <aws.events.event.json>, "end": "<v>"}'
    event = _event({"detail": {"v": value}})
    found = json.loads(_render(template, event, {"v": "$.detail.v"}))
    assert list(found) == ["bare", "quoted", "list", "whole", "end"]
    assert (found["bare"], found["list"]) == (value, [value, 1])
    assert found["whole"] == {"detail": {"v": value}}
    assert found["quoted"] == f"a {found['end']} z"
    if isinstance(value, str):
        assert found["end"] == value


@given(_values)
def test_no_value_adds_a_line_to_text(value: Any) -> None:
    """Whatever an event holds, a text keeps the lines of its template, and each can be printed."""
    lines = _render("one <v>\ntwo <v>", _event({"v": value}), {"v": "$.v"}).split("\n")
    assert [line[:4] for line in lines] == ["one ", "two "]
    assert all(line.isprintable() for line in lines)


@given(_values)
def test_no_value_breaks_out_of_quoted_lines(value: Any) -> None:
    """Whatever an event holds, each line stays one JSON string."""
    lines = _render('"one <v>"\n"two <v>"', _event({"v": value}), {"v": "$.v"}).split("\n")
    assert [json.loads(line)[:4] for line in lines] == ["one ", "two "]


def test_an_event_with_a_broken_byte_is_rendered() -> None:
    """Bytes that are not UTF-8 become U+FFFD, here as everywhere."""
    event = Event(identity="x", body=b'{"detail":{"v":"a\xff"}}', time="")
    assert json.loads(_render("[<v>, <aws.events.event.json>]", event, {"v": "$.detail.v"})) == [
        "a\ufffd", {"detail": {"v": "a\ufffd"}}
    ]  # fmt: skip


@pytest.mark.parametrize("body", [b'{"detail":', b'{"detail":NaN}', b'{"a":' + b"[" * 300_000 + b"]" * 300_000 + b"}"])
def test_an_event_that_cannot_be_parsed_is_a_permanent_error(body: bytes) -> None:
    """Nothing is sent that a broken event could have shaped."""
    with pytest.raises(PermanentError, match="malformed"):
        _render("[<detail>]", Event(identity="x", body=body, time=""))


def test_a_deep_event_is_rendered() -> None:
    """Depths at which one JSON writer gives up are written by another."""
    value: Any = 1
    for _ in range(400):
        value = [value]
    assert json.loads(_render("<v>", _event({"v": value}), {"v": "$.v"})) == value


def test_the_result_is_bounded() -> None:
    """A template cannot multiply a large event without limit."""
    with pytest.raises(PermanentError, match="characters"):
        _render("[" + ",".join(["<v>"] * 100) + "]", _event({"v": "x" * 20_000}), {"v": "$.v"})


def test_configuration_in_either_spelling() -> None:
    """What PutTargets and CloudFormation take is taken, and so are this project's own names."""
    theirs = {"InputPathsMap": {"state": "$.detail.state"}, "InputTemplate": "<state>"}
    ours = {"input_paths_map": {"state": "$.detail.state"}, "input_template": "<state>"}
    for keys in (theirs, ours):
        transformer = InputTransformerConfig.model_validate(keys).compile()
        assert transformer.render(_event(EVENT), "example", 0.0) == b'"RUNNING"'


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ({"InputPathsMap": {}}, "InputTemplate"),
        ({"InputTemplate": ""}, "at least 1"),
        ({"InputTemplate": "x" * 8193}, "at most 8192"),
        ({"InputTemplate": "<x>", "InputPathsMap": {"x": "detail"}}, "begins with"),
        ({"InputTemplate": "<x>", "InputPathsMap": {"x": "$." + "a" * 255}}, "longer than 256"),
        ({"InputTemplate": "<x y>", "InputPathsMap": {"x y": "$"}}, "must be at most 256 letters"),
        ({"InputTemplate": "x", "InputPathsMap": {"aws.events.event": "$"}}, "must be at most 256 letters"),
        ({"InputTemplate": "x", "InputPathsMap": {f"x{n}": "$" for n in range(101)}}, "at most 100"),
        ({"InputTemplate": "<y>", "InputPathsMap": {"x": "$"}}, "invalid placeholder y"),
        ({"InputTemplate": "x", "Input": "y"}, "unknown field"),
    ],
)
def test_limits_of_the_api(keys: dict[str, Any], reason: str) -> None:
    """The limits are those of PutTargets."""
    with pytest.raises(ValidationError, match=reason):
        InputTransformerConfig.model_validate(keys)
