import json
from typing import Any

import pytest

from daemon.errors import DecodeError, RejectReason
from daemon.match.explain import Explainer, FieldFinding


def failing(pattern: dict[str, Any], event: Any) -> FieldFinding:
    finding = Explainer(pattern).explain(json.dumps(event).encode()).alternatives[0].fields[0]
    assert not finding.holds
    return finding


@pytest.mark.parametrize(
    ("pattern", "event", "hint"),
    [
        ({"a": {"eventname": [1]}}, {"a": {"eventName": 1}}, "the event has a.eventName: names are compared with"),
        ({"a": {"eventNmae": [1]}}, {"a": {"eventName": 1}}, "the event has no a.eventNmae, but a.eventName"),
        ({"a": {"detial": {"x": [1]}}}, {"a": {"detail": {"x": 1}}}, "the event has no a.detial, but a.detail"),
        ({"eventName": [1]}, {"detail": {"eventName": 1}}, "the event has detail.eventName"),
        ({"a": {"b": {"name": [1]}}}, {"a": {"name": 1, "c": {"d": {"name": 2}}}}, "the event has a.name"),
        ({"a": {"name": [1]}}, {"a": [{"b": {"name": 1}}]}, "the event has a.b.name"),
        ({"a": [1]}, {"a": {"b": 1}}, "a is an object; tests look at the values inside it"),
        ({"a": [{"exists": True}]}, {"a": {"b": 1}}, "a is an object; tests look at the values inside it"),
        ({"a": [1]}, {"a": []}, "a is an empty array, which counts as no value"),
        ({"a": [None]}, {}, "null asks for the value null"),
        ({"a": [{"exists": False}]}, {"a": None}, "null is a value"),
        ({"a": [1]}, {"a": "1.0"}, 'the event has "1.0" as text, the rule asks for a number'),
        ({"a": [{"numeric": ["<", 5]}]}, {"a": "3"}, 'the event has "3" as text, the rule asks for a number'),
        ({"a": [True]}, {"a": "true"}, 'the event has "true" as text, the rule asks for true or false'),
        ({"a": ["404"]}, {"a": 404}, "the event has 404 as a number, the rule asks for text"),
        ({"a": [{"prefix": "4"}]}, {"a": 404}, "the event has 404 as a number, the rule asks for text"),
        ({"a": ["false"]}, {"a": False}, "the event has false as true or false, the rule asks for text"),
        ({"a": ["Abc"]}, {"a": "aBC"}, 'only the case differs; {"equals-ignore-case": …} would ignore it'),
        ({"a": [{"suffix": "BC"}]}, {"a": "abc"}, 'only the case differs; {"equals-ignore-case": …} would ignore it'),
        ({"a": [{"wildcard": "A*"}]}, {"a": "abc"}, "only the case differs, which wildcard never ignores"),
        ({"a": ["x y"]}, {"a": " x y\n"}, "only blanks at the beginning or end differ"),
        ({"a": ["ab*"]}, {"a": "abc"}, '* stands for itself here; in {"wildcard": …} it would stand for any text'),
        ({"a": ["arn:"]}, {"a": "arn:x"}, 'the value only begins with it: {"prefix": …} would hold'),
        ({"a": [".com"]}, {"a": "x.com"}, 'the value only ends with it: {"suffix": …} would hold'),
        ({"a": ["StopLogging"]}, {"a": "StopLoging"}, "the value is spelled nearly like that"),
        ({"a": [{"cidr": "10.0.0.0/8"}]}, {"a": "s3.amazonaws.com"}, '"s3.amazonaws.com" is no IP address'),
        ({"a": [{"anything-but": ["x", "y"]}]}, {"a": "y"}, '"y" is one of what is excluded: "y"'),
        (
            {"a": [{"anything-but": {"prefix": ["x"]}}]},
            {"a": "xy"},
            '"xy" is one of what is excluded: {"prefix": "x"}',
        ),
    ],
)
def test_a_near_miss_is_said(pattern: dict[str, Any], event: Any, hint: str) -> None:
    """A field that fails comes with what may have been meant."""
    assert [found[: len(hint)] for found in failing(pattern, event).hints] == [hint]


@pytest.mark.parametrize(
    ("pattern", "event"),
    [
        ({"a": ["x"]}, {"a": "y"}),
        ({"a": ["x"]}, {"b": "y"}),
        ({"a": [1]}, {"a": "x"}),
        ({"a": [1]}, {"a": [1.5, True]}),
    ],
)
def test_nothing_is_said_where_nothing_comes_close(pattern: dict[str, Any], event: Any) -> None:
    """A guess that helps nobody is not made."""
    assert failing(pattern, event).hints == ()


@pytest.mark.parametrize(
    ("pattern", "event", "sentence"),
    [
        (
            {"d": {"i": {"x": [1], "y": [2], "z": [{"exists": True}]}}},
            {"d": {"i": [{"x": 1, "y": 3, "z": 0}, {"x": 3, "y": 2, "z": 1}]}},
            "d.i.x and d.i.y hold, but not in one element of d.i: d.i.x in d.i[0], d.i.y in d.i[1]",
        ),
        (
            {"a": {"b": {"x": [1], "y": [1]}}},
            {"a": [{"b": [{"x": 1}, {"x": 1}]}, {"b": [{"y": 1}]}]},
            "a.b.x and a.b.y hold, but not in one element of a: a.b.x in a[0], a.b.y in a[1]",
        ),
        (
            {"a": {"x": [1], "y": [1]}},
            {"a": [0, [{"x": 1}, {"y": 1}, {"y": 1}, {"y": 1}, {"y": 1}]]},
            (
                "a.x and a.y hold, but not in one element of a[1]: "
                "a.x in a[1][0], a.y in a[1][1], a[1][2], a[1][3] and 1 more"
            ),
        ),
    ],
)
def test_fields_of_different_elements_are_told_apart(pattern: dict[str, Any], event: Any, sentence: str) -> None:
    """Where only array consistency fails, the sentence names the fields, the array, and where each field holds."""
    explanation = Explainer(pattern).explain(json.dumps(event).encode())

    assert explanation.misses == 1
    assert explanation.alternatives[0].disagreement == sentence


def test_what_is_shown_is_bounded() -> None:
    """Thousands of values, tests and long texts leave a short finding that says how many there are."""
    pattern = {"a": [f"{number}" + "x" * 1_000 for number in range(5_000)]}
    finding = failing(pattern, {"a": ["y" * 1_000] * 100_000})

    assert (len(finding.tests), finding.tests_in_all, len(finding.seen), finding.values_in_all) == (
        10,
        5_000,
        5,
        100_000,
    )
    assert max(map(len, finding.tests)) <= 200
    assert max(len(seen.value) for seen in finding.seen) <= 200


def test_what_decides_is_shown_first() -> None:
    """Of many values, the one that holds comes first."""
    explanation = Explainer({"a": ["z"]}).explain(json.dumps({"a": ["y"] * 100 + ["z"]}).encode())
    (finding,) = explanation.alternatives[0].fields

    assert [(seen.place, seen.holds) for seen in finding.seen[:2]] == [("a[100]", True), ("a[0]", False)]


def test_what_upsets_a_terminal_is_escaped() -> None:
    """Control characters, direction marks and lone surrogates of an event reach nobody's terminal."""
    finding = failing({"a": ["x"]}, {"a": "\x1b[2J\u202e\ud800\x9b"})
    absent = failing({"a": {"name": ["x"]}}, {"\x1b[2J": {"name": "y"}})

    assert all(seen.value.isprintable() for seen in finding.seen)
    assert absent.hints == ("the event has \\u001b[2J.name",)


def test_an_event_that_cannot_be_read_is_said() -> None:
    """What the matcher rejects, the explanation rejects with the same reason."""
    with pytest.raises(DecodeError) as nothing:
        Explainer({"a": [1]}).explain(b"[1]")
    with pytest.raises(DecodeError) as text:
        Explainer({"a": ["x"]}).misses(b'{"a": "\xff"}')

    assert (nothing.value.reason, text.value.reason) == (RejectReason.NOT_AN_OBJECT, RejectReason.NOT_UTF8)


def test_a_number_too_long_to_print_is_described() -> None:
    """An integer of hundreds of digits is not written out."""
    finding = Explainer({"a": [1]}).explain(b'{"a": ' + b"9" * 390 + b"}").alternatives[0].fields[0]

    assert len(finding.seen[0].value) < 40
