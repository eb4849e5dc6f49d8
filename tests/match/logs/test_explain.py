import json

from daemon.match.logs import FilterPattern


def test_terms() -> None:
    """Each term is listed with its verdict; an optional one beside others does not count."""
    assert FilterPattern("ERROR -DEBUG ?x").explain("an ERROR") == [
        {"asked": "ERROR", "found": "an ERROR", "verdict": True},
        {"asked": "-DEBUG", "found": "an ERROR", "verdict": True},
        {"asked": "?x", "found": "ignored beside a term without ?", "verdict": None},
    ]


def test_json() -> None:
    """Each comparison is listed with the values its selector found, over all branches."""
    pattern = FilterPattern('{ ($.a = "x" || $.b[*] > 5) && $.c.d NOT EXISTS && $.b = 1 && $.c IS NULL }')
    assert pattern.explain('{"a":"y","b":[7,"z",null,[]],"c":{"e":1}}') == [
        {"asked": '$.a = "x"', "found": '"y"', "verdict": False},
        {"asked": "$.b[*] > 5", "found": '7, "z", null, an array', "verdict": True},
        {"asked": "$.c.d NOT EXISTS", "found": "absent", "verdict": True},
        {"asked": "$.b = 1", "found": "an array", "verdict": False},
        {"asked": "$.c IS NULL", "found": "an object", "verdict": False},
    ]


def test_a_message_that_is_no_json() -> None:
    """One finding says that a JSON pattern has nothing to look at."""
    assert FilterPattern("{ $.a = 1 }").explain("text") == [
        {"asked": "a JSON object", "found": "text", "verdict": False}
    ]


def test_slots() -> None:
    """The number of fields comes first, then each condition with the text under its slot."""
    pattern = FilterPattern("[ip, ..., status=4* || status=5*, bytes > 10]")
    assert pattern.explain("a b 404 7") == [
        {"asked": "3 fields or more", "found": "4", "verdict": True},
        {"asked": "status=4*", "found": "404", "verdict": True},
        {"asked": "status=5*", "found": "404", "verdict": False},
        {"asked": "bytes > 10", "found": "7", "verdict": False},
    ]
    assert pattern.explain("a b") == [{"asked": "3 fields or more", "found": "2", "verdict": False}]


def test_what_was_found_is_cut() -> None:
    """A finding stays short and is plain data."""
    (finding,) = FilterPattern("{ $.a = 1 }").explain('{"a":"' + "x" * 10_000 + '"}')
    assert len(finding["found"]) == 200
    assert json.loads(json.dumps(finding)) == finding
