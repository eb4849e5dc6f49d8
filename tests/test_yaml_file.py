from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from daemon.errors import ConfigError
from daemon.yaml_build import build
from daemon.yaml_file import load_yaml


def load(folder: Path, text: str | bytes) -> Any:
    path = folder / "a.yaml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return load_yaml(path)


def test_scalars_follow_the_core_schema(tmp_path: Path) -> None:
    """Only true and false are booleans, leading zeros and dates stay text, numbers are JSON's."""
    file = load(tmp_path, "[yes, no, on, true, False, 012, 0x1F, 2020-01-01, 12:30, 1e3, -1.5, 7, null, ~, '7', .inf]")

    assert file.data == [
        "yes", "no", "on", True, False, "012", "0x1F", "2020-01-01", "12:30", 1000.0, -1.5, 7, None, None, "7", ".inf",
    ]  # fmt: skip


def test_lines_of_fields_are_known(tmp_path: Path) -> None:
    """Every field has its line; what is not there has the line of what is around it."""
    file = load(tmp_path, "a:\n  - b: 1\n\n  - c: 2\nd: x\n")

    assert [file.line(at) for at in (("a", 0, "b"), ("a", 1, "c"), ("d",), ("a", 1, "zzz"), ("nope",))] == [
        2,
        4,
        5,
        4,
        1,
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: 1\na: 2", r"a\.yaml:2: 'a' stands here a second time"),
        ("a: [1", r"a\.yaml:2: .*closing bracket is missing before this; line 1 opens it"),
        ("a:\n\tb: 1", r"a\.yaml:2: a tab; YAML is indented with blanks"),
        ("a:\n  b: 1\n\tc: 1", r"a\.yaml:3: a tab; YAML is indented with blanks"),
        ("a:\n  b:\n    c: 1\n   d: 1", r"a\.yaml:4: .* the fields that line 2 begins: begin all in one column"),
        ("a:\n  - b\n  c: 1", r"a\.yaml:3: .* the list that line 2 begins: begin all in one column"),
        ("a: b: 1", r"a\.yaml:1: a colon where none can be"),
        ("a:\n  b\n    c: 1", r"a\.yaml:3: .*end the line above in a colon"),
        ("a: 1\nb: 'c\nd: 1", r"a\.yaml:3: the quote that line 2 opens is never closed"),
        ("a: *.yaml", r"a\.yaml:1: text that begins with \* must stand in quotes"),
        ("a: @b", r"a\.yaml:1: text that begins with @ must stand in quotes"),
        ('a: "\\d"', r"a\.yaml:1: while parsing a quoted scalar, found unknown escape character"),
        ("a: !!python/object:os.system x", r"a\.yaml:1: tag .* is not supported"),
        ("a: !secret x", r"a\.yaml:1: tag !secret is not supported"),
        ("a: 1\n---\nb: 2", r"a\.yaml:2: a second document"),
        ("? [a]\n: 1", r"a\.yaml:1: a key must be text"),
        ("a: *b", r"a\.yaml:1: no value is anchored as &b"),
        ("a: &x [*x]", r"a\.yaml:1: no value is anchored as &x"),
        ("[" * 100_000, r"a\.yaml:1: nested deeper than 200"),
        ("- " * 100_000, r"a\.yaml:1: nested deeper than 200"),
        (b"a: \xff\n", r"a\.yaml:1: not UTF-8"),
        (b"a: 1\nb: \xc3\xa9\x00\n", r"a\.yaml:2: character #x0000: control characters are not allowed"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    """Faults in the YAML itself name file and line."""
    with pytest.raises(ConfigError, match=message):
        load(tmp_path, text)


def test_aliases_share_but_do_not_multiply(tmp_path: Path) -> None:
    """An alias is its anchor's value; aliases of aliases of aliases end at a bound, in no time."""
    assert load(tmp_path, "a: &x [1, 2]\nb: *x\n").data == {"a": [1, 2], "b": [1, 2]}
    bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + "".join(
        f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
    )
    with pytest.raises(ConfigError, match="more than 5000000 values"):
        load(tmp_path, bomb)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    """The path is named, with the system's reason."""
    with pytest.raises(ConfigError, match=r"nothing\.yaml: No such file"):
        load_yaml(tmp_path / "nothing.yaml")


_NUMBER_SINCE_1_2 = re.compile(r"-?[0-9]+(\.[0-9]+)?[eE][-+]?[0-9]+")
"""PyYAML writes 1.1, where `0E0` is a text and needs no quotes; here it is a number, as in JSON and YAML 1.2."""
_TEXT = st.text(st.characters(codec="utf-8"), max_size=10).filter(lambda text: not _NUMBER_SINCE_1_2.fullmatch(text))
_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**40), 2**40) | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner),
    max_leaves=15,
)


@given(_JSON)
def test_what_a_yaml_writer_writes_reads_back(value: Any) -> None:
    """Values that PyYAML dumps come back unchanged."""
    text = yaml.safe_dump(value)

    assert build(text).root == yaml.safe_load(text) == value
