import pytest

from daemon.errors import FilterError
from daemon.match.logs import FilterPattern
from daemon.match.logs.cursor import parse_number
from daemon.match.logs.parse import parse
from daemon.match.logs.syntax import (
    And,
    Comparison,
    DelimitedPattern,
    Each,
    JsonPattern,
    JsonTest,
    Number,
    Operator,
    Or,
    Regex,
    Role,
    Selector,
    Slot,
    State,
    Term,
    TermsPattern,
    Text,
)


def test_terms_keep_role_and_text() -> None:
    """An unstructured pattern becomes its terms in order, each with what it looks for and how it was written."""
    assert parse('a ?"b \\"c" -%d+%') == TermsPattern(
        (
            Term(Role.REQUIRED, "a", "a"),
            Term(Role.OPTIONAL, 'b "c', '"b \\"c"'),
            Term(Role.EXCLUDED, Regex("d+", "d+", 1, "d", ""), "%d+%"),
        )
    )


def test_a_json_pattern_keeps_precedence() -> None:
    """&& binds before ||, and groups of one kind are flattened."""
    first, second, third = (
        JsonTest(Selector(f"$.{name}", (name,)), Comparison(Operator.EQ, Number("1", 1), f"$.{name}=1"), f"$.{name}=1")
        for name in "abc"
    )
    assert parse("{$.a=1 || $.b=1 && $.c=1}") == JsonPattern(Or((first, And((second, third)))))
    assert parse("{(($.a=1) && ($.b=1)) && $.c=1}") == JsonPattern(And((first, second, third)))
    assert parse("{($.a=1 || ($.b=1 || $.c=1))}") == JsonPattern(Or((first, second, third)))


def test_selectors_become_steps() -> None:
    """Names, indexes and wildcards of a selector are told apart."""
    tree = parse("{ $.a['b.c'][0].d[*] IS  null }")
    selector = Selector("$.a['b.c'][0].d[*]", ("a", "b.c", 0, "d", Each.ELEMENT))
    assert tree == JsonPattern(JsonTest(selector, State.NULL, "$.a['b.c'][0].d[*] IS  null"))


def test_slots_left_and_right_of_the_ellipsis() -> None:
    """Slots before and behind `...` are kept apart, conditions stay with their slot."""
    condition = Comparison(Operator.NE, Text(("4", "")), "c!=4*")
    assert parse("[a, , ..., c!=4*]") == DelimitedPattern((Slot("a", None), Slot(None, None)), (Slot("c", condition),))
    assert parse("[a]") == DelimitedPattern((Slot("a", None),), None)


@pytest.mark.parametrize(
    ("text", "position"),
    [
        ("x" * 1025, 1024),
        ('"\ud800"', 1),
        ("?", 1),
        ("{ $.a = %x }", 8),
        ("{ $. = 1 }", 4),
        ("{ $.['a = 1 }", 5),
        ("{ $.[0] = 1 }", 4),
        ("{ $ = 1 }", 2),
        ("{ ( $.a = 1 }", 12),
        ("{ $.a = 1 || }", 13),
        ('{ $.a = "x }', 8),
        ("{ $.a > abc }", 8),
        ("{ $.a IS MAYBE }", 6),
        ("{ $.a = b&c }", 9),
        ("[a = 1 || ]", 10),
        ("[(a)]", 3),
        ("[(a = 1]", 7),
        ("[= 1]", 1),
        ("[a, =1]", 4),
        ("[a = %x% && a = %y% && a = %z%]", 27),
        ("%[a%", 1),
        ("%a{%", 2),
        ("%a{x}%", 2),
        ("%a{,}%", 2),
        ("%\\%", 2),
        ("%\\x2%", 1),
        ("%[[]%", 2),
        ("%[\\d-z]%", 2),
        ("%^*%", 2),
        ("%a|*%", 3),
        ("%a++%", 3),
    ],
)
def test_refuses_at_the_right_place(text: str, position: int) -> None:
    """What AWS would refuse is refused at the character where it goes wrong."""
    with pytest.raises(FilterError) as raised:
        FilterPattern(text)
    assert raised.value.position == position


def test_the_longest_pattern_is_accepted() -> None:
    """1,024 characters are a pattern, however deeply nested, one more is not."""
    assert FilterPattern("x" * 1024).match("x" * 1024) == {}
    nested = "{" + "(" * 509 + "$.a=1" + ")" * 509 + "}"
    assert FilterPattern(nested.replace("((", "(", 4).replace("))", ")", 4)).match('{"a":1}') == {}


@pytest.mark.parametrize(
    ("text", "value"),
    [("1", 1), ("+1", 1), ("-1.50", -1.5), (".5", 0.5), ("1e3", 1000.0), ("1E-3", 0.001)]
    + [(text, None) for text in ("", "1.", "e3", "1_0", "0x1", "inf", "nan", "\u0661", "1 ", "--1", "9" * 401)],
)
def test_numbers(text: str, value: float | None) -> None:
    """A number is digits of ASCII with sign, decimals and exponent, and nothing else that Python would take."""
    assert parse_number(text) == value


def test_patterns_show_their_text() -> None:
    """A pattern's representation is its text, for logs and debugging."""
    assert repr(FilterPattern("ERROR")) == "FilterPattern('ERROR')"
