"""Conditions written out as expressions, at the edges where they leave it."""

from __future__ import annotations

from daemon.match.logs import FilterPattern


def test_parentheses_nested_deeper_than_python_takes_them() -> None:
    """A condition of the longest pattern there can be, and-ed and or-ed in turn, is decided like any other."""
    depth = 40
    text = "{" + "".join(f"$.a{level}=1&&($.b=2||(" for level in range(depth)) + "$.c=3" + "))" * depth + "}"
    pattern = FilterPattern(text)
    fields = {f"a{level}": 1 for level in range(depth)}
    message = str(fields).replace("'", '"')

    assert len(text) <= 1_024
    assert pattern.match(message[:-1] + ',"c":3}') == {}
    assert pattern.match(message[:-1] + ',"c":4}') is None
    assert pattern.match('{"a0":1,"b":2}') == {}


def test_a_field_that_is_now_an_object_and_now_a_scalar() -> None:
    """An object where a scalar is looked for makes its own comparison false, no other."""
    pattern = FilterPattern('{ $.a = "x" || $.b.c != "y" || $.d IS NULL }')

    assert pattern.match('{"a":{"x":1},"b":{"c":"z"}}') == {}
    assert pattern.match('{"a":["x"],"b":{"c":["z"]}}') is None
    assert pattern.match('{"a":{},"b":5,"d":null}') == {}
