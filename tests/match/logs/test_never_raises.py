import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.errors import FilterError
from daemon.match.logs import FilterPattern, FilterSet

_SIGNS = tuple('{}[]()$."%=><*?-,+^|\\é“ \t\x00\ud800')
_WORDS = ("&&", "||", "$.a", "[0]", "[*]", ".*", "['x.y']", '"x"', "%a.b%", "!=", "<=", "IS NULL", "NOT EXISTS", "abc")
_MORE_WORDS = ("12", "1e5", "-3", "...", "w1", '\\"', "{2,5}", "\\d", "[^a-z]", "\\x41", "ERROR")
_PIECES = st.sampled_from((*_SIGNS, *_WORDS, *_MORE_WORDS))
_TEXTS = st.text() | st.lists(_PIECES).map("".join)
_PATTERN_TEXTS = _TEXTS | _TEXTS.map("{{ $.a {} }}".format) | _TEXTS.map("[{}]".format) | _TEXTS.map("%{}%".format)
_MESSAGES = st.text(st.characters()) | st.lists(_PIECES).map("".join) | _TEXTS.map('{{"a": "{}"}}'.format)
_PATTERNS = (
    "ERROR -DEBUG",
    '?a ?"b c"',
    "%[^a]+b?$%",
    "{ $.a = 1 || $.a.b[0] = *x* }",
    "{ $.* != 1 && $.['x.y'] NOT EXISTS }",
    "[a, ..., z = *1* || z > 5]",
    "[]",
)
_ALONE = [FilterPattern(text) for text in _PATTERNS]
_TOGETHER = FilterSet({text: text for text in _PATTERNS})


@settings(max_examples=400)
@given(text=_PATTERN_TEXTS)
def test_any_text_is_a_pattern_or_a_filter_error(text: str) -> None:
    """Whatever the text, construction raises nothing but FilterError, at a place inside the text or at its end."""
    try:
        pattern = FilterPattern(text)
    except FilterError as error:
        position = error.position
    else:
        position = 0
        assert pattern.match("") in (None, {})
    assert 0 <= position <= len(text)


@settings(max_examples=200)
@given(message=_MESSAGES)
def test_any_message_is_decided(message: str) -> None:
    """Whatever the message, a pattern and a set of them decide the same, explain it, and raise nothing."""
    expected = {pattern.text: fields for pattern in _ALONE if (fields := pattern.match(message)) is not None}
    assert _TOGETHER.match(message) == list(expected)
    assert _TOGETHER.extract(message) == expected
    assert all(pattern.explain(message) for pattern in _ALONE if pattern.text != "[]")


@pytest.mark.parametrize(
    "message",
    [
        "a" * 1_000_000,
        "[" * 1_000_000,
        '"[ ' * 300_000,
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        '{"a":' + "[" * 10_000 + "]" * 10_000 + "}",
        '{"a":[' + ",".join(["1"] * 100_000) + "]}",
        '{"a":' + "9" * 100_000 + "}",
        '{"a":' + "9" * 4_300 + "}",
        '{"a":1e999}',
        '{"a":-1e999,"b":1e999}',
        '{"a":"' + "x" * 1_000_000 + '"}',
        '{"a":"\ud800"}',
        '{"a":"\\ud800"}',
        '{"\ud800":1}',
        "\x00" * 1_000,
        "\ud800 \udfff" * 1_000,
        "{" + " " * 1_000_000 + "}",
        "",
    ],
    ids=lambda message: f"{message[:12]!a} of {len(message)}",
)
def test_extreme_messages_are_decided(message: str) -> None:
    """Messages that are huge, deep or broken are decided like any other."""
    assert _TOGETHER.match(message) == [pattern.text for pattern in _ALONE if pattern.match(message) is not None]


def test_a_number_beyond_a_double_is_infinite() -> None:
    """JSON numbers that no double holds do not spoil the message; they compare as infinity."""
    assert FilterPattern("{ $.a > 1e300 }").match('{"a":1e999}') is not None
    assert FilterPattern("{ $.a < -1e300 }").match('{"a":-1e999}') is not None
    assert FilterPattern("{ $.a > 1e300 }").match('{"a":' + "9" * 5_000 + "}") is not None
    assert FilterPattern("{ $.b = 1 }").match('{"a":1e999,"b":1}') is not None
