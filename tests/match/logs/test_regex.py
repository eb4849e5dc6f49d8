import random
import re

import pytest

from daemon.errors import FilterError
from daemon.match.logs.automaton import TooLargeError, compile_search, encodable, literal
from daemon.match.logs.regex import parse_regex
from daemon.match.logs.values import search

_ATOMS = (
    "a",
    "b",
    "0",
    " ",
    ".",
    "[ab]",
    "[^a]",
    "[a-c0]",
    "[]a]",
    "[a-]",
    "\\d",
    "\\D",
    "\\w",
    "\\W",
    "\\x61",
    "\\.",
    "-",
    ":",
)
_QUANTIFIERS = ("", "", "", "?", "*", "+", "{2}", "{1,}", "{0,2}", "{1,3}")


def _expressions(count: int) -> list[str]:
    source = random.Random(7)
    expressions = []
    for _ in range(count):
        atoms = [source.choice(_ATOMS) + source.choice(_QUANTIFIERS) for _ in range(source.randint(1, 5))]
        marks = [source.choice(("", "", "", "^", "|")), source.choice(("", "", "", "$"))]
        place = source.randint(0, len(atoms))
        expressions.append(marks[0].join(("".join(atoms[:place]), "".join(atoms[place:]))) + marks[1])
    return [expression for expression in expressions if expression]


def test_finds_what_python_finds() -> None:
    """Over random expressions of the subset the automaton agrees with Python's engine."""
    source = random.Random(8)
    texts = ["".join(source.choice("ab0c -.]\u00e9_") for _ in range(source.randint(0, 8))) for _ in range(60)] + [
        "a\n",
        "\n",
    ]
    for expression in _expressions(600):
        found = search(parse_regex(expression, 0).expression)
        python = re.compile(expression, re.ASCII)
        assert [found(text) for text in texts] == [python.search(text) is not None for text in texts], expression


def test_every_match_holds_the_needed_string() -> None:
    """The string that an expression needs is in every text it finds, and each begins as it must."""
    source = random.Random(9)
    for expression in _expressions(600):
        regex = parse_regex(expression, 0)
        found = search(regex.expression)
        for _ in range(40):
            text = "".join(source.choice("ab0c ") for _ in range(6))
            assert regex.needed in text or not found(text), (expression, text)
            assert text.startswith(regex.beginning) or not found(text), (expression, text)


@pytest.mark.parametrize(
    ("source", "needed"),
    [
        ("abc", "abc"),
        ("ab*cde", "cde"),
        ("ab+c", "ab"),
        ("x{2}yz", "xyz"),
        ("^ab$", "ab"),
        ("\\x41b", "Ab"),
        ("[a]b", "b"),
        ("a|b", ""),
        ("a?", ""),
        ("ab{0,2}c", "a"),
        ("a.b", "a"),
    ],
)
def test_needed_strings(source: str, needed: str) -> None:
    """What may be absent or repeated ends a needed string, alternatives need nothing."""
    assert parse_regex(source, 0).needed == needed


@pytest.mark.parametrize(
    ("source", "beginning"),
    [
        ("^Del", "Del"),
        ("^ab?c", "a"),
        ("^a{3}b", "a"),
        ("^a?b", ""),
        ("^a|b", ""),
        ("a^b", ""),
        ("^$", ""),
        ("^[a]b", ""),
    ],
)
def test_beginnings(source: str, beginning: str) -> None:
    """Only what stands right behind an anchor at the very start begins every text."""
    assert parse_regex(source, 0).beginning == beginning


def test_lone_surrogates_are_characters() -> None:
    """A lone surrogate is one character that is none of ASCII's."""
    assert search(parse_regex("^a.[^a]$", 0).expression)("a\ud800\udfff")
    assert encodable("a\ud800é") == "a\ufffdé"


def test_size_is_bounded() -> None:
    """Counts are written out before an expression is measured."""
    assert parse_regex("[ab]{999}c", 0).states == 1_000
    with pytest.raises(FilterError):
        parse_regex("[ab]{999}cd", 0)
    with pytest.raises(TooLargeError):
        compile_search(tuple(f".{{{count}}}x" for count in range(900, 999)))


def test_literals_find_themselves() -> None:
    """Every character stands for itself once it is made a literal."""
    for character in [chr(code) for code in range(128)] + ["é", "\U0001f600"]:
        assert compile_search((f"^{literal(character)}$",))(character)
