import pytest

from daemon.errors import FilterError
from daemon.match.logs import FilterPattern, FilterSet
from daemon.match.logs.parse import parse
from tests.match.logs.made_up import MadeUp
from tests.match.logs.plain_reading import matches


def _patterns(made_up: MadeUp, count: int) -> dict[str, str]:
    """Return that many valid patterns, named by number."""
    valid: dict[str, str] = {}
    while len(valid) < count:
        text = made_up.pattern()
        try:
            parse(text)
        except FilterError:
            continue
        valid[f"filter-{len(valid)}"] = text
    return valid


@pytest.mark.parametrize(("size", "sets", "messages"), [(1, 400, 30), (50, 20, 40), (1_000, 1, 60)])
def test_agrees_with_a_plain_reading(size: int, sets: int, messages: int) -> None:
    """A set of any size finds just the filters that a plain evaluation of each one finds, in the order given."""
    for seed in range(sets):
        made_up = MadeUp(seed)
        texts = _patterns(made_up, size)
        trees = {name: parse(text) for name, text in texts.items()}
        compiled = FilterSet(texts)
        lines = [made_up.message() for _ in range(messages)]
        expected = [[name for name, tree in trees.items() if matches(tree, line)] for line in lines]
        assert [compiled.match(line) for line in lines] == expected
        assert compiled.match_all(lines) == expected


def test_a_single_pattern_agrees_with_a_plain_reading() -> None:
    """A pattern alone decides as a plain evaluation does, and often enough both ways."""
    made_up = MadeUp(seed=-1)
    found = []
    for text in _patterns(made_up, 1_000).values():
        pattern = FilterPattern(text)
        for message in [made_up.message() for _ in range(20)]:
            found.append(pattern.match(message) is not None)
            assert found[-1] == matches(pattern.tree, message), (text, message)
    assert 0.05 < sum(found) / len(found) < 0.95


def test_extracts_what_each_pattern_would_alone() -> None:
    """The extracted fields of every filter that matches are those of its pattern alone."""
    texts = {"all": "", "line": "[ip, ..., status=4*, bytes]", "json": "{ $.a = 1 }", "first": "[ip, rest]"}
    message = '10.0.0.1 "GET / HTTP/1.1" 404 17'
    expected = {name: FilterPattern(text).match(message) for name, text in texts.items() if name != "json"}
    assert FilterSet(texts).extract(message) == expected


def test_names_come_in_the_order_given() -> None:
    """Names are listed in the order of the mapping, not that of the kinds or of what was found first."""
    texts = {"z": "{ $.a = 1 }", "m": "[...]", "a": "", "k": "{ $.a IS NULL }", "b": '"a"'}
    assert FilterSet(texts).match('{"a": 1}') == ["z", "m", "a", "b"]


def test_filters_that_are_alike_are_all_named() -> None:
    """Names that share a filter match together, each at its own place in the order."""
    texts = {
        "a": "{ $.x = 1 }",
        "b": "[ip, ..., code = 404]",
        "c": "{ $.x = 1 }",
        "d": "[ip, ..., code = 404]",
        "e": "404",
    }
    compiled = FilterSet(texts)
    assert compiled.match_all(['{"x": 1}', "1.2.3.4 GET 404", "none", '{"x": 404}']) == [
        ["a", "c"],
        ["b", "d", "e"],
        [],
        ["e"],
    ]
    assert list(compiled.extract("1.2.3.4 GET 404")) == ["b", "d", "e"]


def test_a_message_with_a_tab_is_split_there_beside_others_without_one() -> None:
    """What blanks one message of several holds changes nothing for the others, nor for itself."""
    compiled = FilterSet({"first": "[level = ERROR, ...]", "last": "[..., code = 404]"})
    messages = ["ERROR x", "x\t404", "x ERROR", "404", '{"a": 404}', "ERROR\t404", "x 404"]
    expected = [["first"], ["last"], [], ["last"], [], ["first", "last"], ["last"]]
    assert compiled.match_all(messages) == expected
    assert [compiled.match(message) for message in messages] == expected
    assert compiled.match_all(messages[:1] + messages[-1:]) == [["first"], ["last"]]


def test_an_invalid_pattern_is_named() -> None:
    """The error of a pattern that AWS would refuse names the filter."""
    with pytest.raises(FilterError, match="'broken'") as raised:
        FilterSet({"fine": "ERROR", "broken": "{ $.a = }"})
    assert raised.value.position == 8


def test_an_empty_set_matches_nothing() -> None:
    """A set without patterns is a set."""
    assert FilterSet({}).match("ERROR") == []
    assert len(FilterSet({})) == 0


def test_remembers_no_more_than_it_may() -> None:
    """A field with ever new values does not make the set grow, nor change what it finds."""
    compiled = FilterSet({"prefix": '{ $.name = "user-1*" }', "other": '{ $.name = "*x*" }'})
    for number in range(3_000):
        name = f"user-{number}" + "x" * (number % 2_000)
        expected = [key for key, found in (("prefix", name.startswith("user-1")), ("other", "x" in name)) if found]
        assert compiled.match(f'{{"name": "{name}"}}') == expected


def test_thousands_of_strings_are_told_apart() -> None:
    """However many strings are searched for in one go, each message finds its own, and all of them."""
    compiled = FilterSet({f"filter-{number}": f"?first{number:04} ?second{number:04}" for number in range(3_000)})

    assert compiled.match("nothing of that") == []
    for number in (0, 1, 299, 1_500, 2_999):
        assert compiled.match(f"a second{number:04} b") == [f"filter-{number}"]
    assert compiled.match("first0007 second0007 first2000") == ["filter-7", "filter-2000"]
