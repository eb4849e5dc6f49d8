import json
import random
from typing import Any

import pytest

from daemon.match import Matcher, PatternError
from daemon.match.eventbridge.places import line_of, member, parts


@pytest.mark.parametrize(
    ("text", "line", "path"),
    [
        ('{\n"a": ["x"],\n"b": [NaN]}', 3, "$.b[0]"),
        ('{"a":\n["x",\n{"numeric": [\n"<", NaN]}]}', 4, "$.a[1].numeric[1]"),
        ('{"a.b": {"c d":\n[1,\n[2, 3]]},\n"e": 1}', 3, '$["a.b"]["c d"][1]'),
        ('{"a": [1],\n"$or": [{"b": [1]},\n{"c":\n[{"prefix":\n5}]}]}', 4, "$.$or[1].c[0].prefix"),
        ('{"a": ["{", "\\"}"],\n"b": 1}', 2, "$.b"),
        ('{"a": ["x"],\n"a": [{"prefix": 1}]}', 2, "$.a[0].prefix"),
        ('{\n"a" 1}', 2, "$"),
        ("[" * 100_000, 1, "$"),
        ("", 1, "$"),
        ("[1]", 1, "$"),
    ],
)
def test_an_error_in_a_pasted_pattern_names_its_line(text: str, line: int, path: str) -> None:
    """Beside JSON path and reason, the error has the line of the text on which the place begins."""
    with pytest.raises(PatternError) as raised:
        Matcher({"pasted": text})

    assert (raised.value.line, raised.value.path) == (line, path)
    assert str(raised.value).startswith(f"line {line}: {path}: ")


@pytest.mark.parametrize("name", ["$orr", "$OR", "or"])
def test_a_slip_for_or_is_told_from_an_operator_that_there_is_not(name: str) -> None:
    """Objects under a name that comes near `$or` are alternatives; under any other name they are match expressions."""
    with pytest.raises(PatternError) as raised:
        Matcher({"slip": {name: [{"source": ["aws.ec2"]}, {"detail": {"state": ["stopped"]}}]}})
    with pytest.raises(PatternError) as other:
        Matcher({"field": {"for": [{"prefx": "a"}]}})

    assert str(raised.value) == f"$.{name}[0]: unknown operator 'source'; is {name!r} meant to be '$or'?"
    assert str(other.value) == "$.for[0]: unknown operator 'prefx'; did you mean 'prefix'?"


def test_a_parsed_pattern_has_no_lines() -> None:
    """An error in a pattern given as parsed JSON has the path only."""
    with pytest.raises(PatternError) as raised:
        Matcher({"parsed": {"a": [{"prefix": 1}]}})

    assert (raised.value.line, str(raised.value)) == (None, "$.a[0].prefix: the operand must be a string")


@pytest.mark.parametrize("seed", range(20))
def test_every_place_of_a_text_is_found(seed: int) -> None:
    """Whatever the names and the nesting, a place's path leads back to the line that it was written on."""
    rng = random.Random(seed)
    names = ["a", "b c", "d.e", '"', "\\", "]", "{", "é", "\n", "0", "$or"]
    places: dict[str, int] = {}
    text = ""

    def write(what: str) -> None:
        nonlocal text
        text += what + rng.choice(("", " ", "\n", "\r\n"))

    def write_value(place: str, depth: int) -> None:
        places.setdefault(place, text.count("\n") + 1)
        kind = rng.choice(("object", "array", "scalar")) if depth else "scalar"
        if kind == "scalar":
            write(json.dumps(rng.choice((1, "x,[", None, True, '"{'))))
            return
        keys: list[Any] = rng.sample(names, 4) if kind == "object" else list(range(4))
        write("{" if kind == "object" else "[")
        for number, key in enumerate(keys):
            inner = member(place, key) if kind == "object" else f"{place}[{key}]"
            if kind == "object":
                places[inner] = text.count("\n") + 1
                write(json.dumps(key))
                write(":")
            write_value(inner, depth - 1)
            write("," if number < 3 else "")
        write("}" if kind == "object" else "]")

    write_value("$", 4)
    json.loads(text)

    assert {place: line_of(text, place) for place in places} == places | {"$": 1}
    assert parts('$.a["b c"][3]["\\""]') == ("a", "b c", 3, '"')
