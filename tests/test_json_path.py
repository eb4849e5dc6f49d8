"""JSON paths as EventBridge takes them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.json_path import MISSING, JsonPath

DOCUMENT = {
    "detail-type": "x",
    "resources": ["a", "b"],
    "detail": {
        "instance-id": "i-1",
        "nothing": None,
        "no": False,
        "a/b_c": 1,
        "ipPermissions": {"items": [{"cidrIp": "0.0.0.0/0"}, {"port": 22}, {"cidrIp": "10.0.0.0/8"}]},
        "0": "a name that looks like an index",
        "tags": {"k1": "v1", "k2": "v2"},
        "empty": [],
    },
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", DOCUMENT),
        ("$.detail-type", "x"),
        ("$.resources[0]", "a"),
        ("$.resources[2]", MISSING),
        ("$.resources.0", MISSING),
        ("$.detail.instance-id", "i-1"),
        ("$.detail.nothing", None),
        ("$.detail.no", False),
        ("$.detail.a/b_c", 1),
        ("$.detail.0", "a name that looks like an index"),
        ("$.detail[0]", MISSING),
        ("$.detail.ipPermissions.items[0].cidrIp", "0.0.0.0/0"),
        ("$.detail.ipPermissions.items[1].cidrIp", MISSING),
        ("$.detail.ipPermissions.items[*].cidrIp", ["0.0.0.0/0", "10.0.0.0/8"]),
        ("$.detail.ipPermissions.items.*.port", [22]),
        ("$.detail.tags.*", ["v1", "v2"]),
        ("$.detail.tags[*]", ["v1", "v2"]),
        ("$.detail.empty[*]", []),
        ("$.detail.empty[*].x", []),
        ("$.detail.instance-id.*", []),
        ("$.detail.gone[*].x", MISSING),
        ("$.detail.instance-id.x", MISSING),
        ("$.detail.nothing.x", MISSING),
    ],
)
def test_select(path: str, expected: object) -> None:
    """A path leads to a value, behind a wildcard to a list, or nowhere."""
    assert JsonPath(path).select(DOCUMENT) == expected


@pytest.mark.parametrize(
    "path",
    [
        "",
        "detail",
        "$detail",
        "$.",
        "$..a",
        "$.a.",
        "$.a b",
        "$['a']",
        "$.a[-1]",
        "$.a[1:2]",
        "$.a[?(@.b)]",
        "$.a[01234567890]",
        "$.a[",
        "$.\u00e4",
        "$.a\n",
        "$." + "a" * 256,
    ],
)
def test_what_is_no_path_is_refused(path: str) -> None:
    """Whatever EventBridge would silently never find is refused."""
    with pytest.raises(ValueError, match=r"begins with|at character|longer"):
        JsonPath(path)


@given(st.text(alphabet="$.[]*ab01-/ '\n", max_size=20))
def test_any_text_is_a_path_or_refused(text: str) -> None:
    """Nothing but ValueError comes of a text, and nothing but a value of a path."""
    try:
        path = JsonPath(text)
    except ValueError:
        return
    path.select(DOCUMENT)
