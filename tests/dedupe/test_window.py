from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.dedupe.window import SettledWindow


@given(st.lists(st.integers(0, 30).map(str)), st.integers(2, 12))
def test_remembers_the_latest_and_never_more_than_its_capacity(identities: list[str], capacity: int) -> None:
    """The last half of the capacity in distinct identities is always known; the size is bounded."""
    window = SettledWindow(capacity)
    for identity in identities:
        window.add(identity)

    latest = list(dict.fromkeys(reversed(identities)))[: capacity // 2]
    assert all(identity in window for identity in latest[: max(len(latest) - 1, 0)])
    assert len(window) <= capacity


def test_unknown_is_unknown() -> None:
    """An identity never added is not in the window."""
    window = SettledWindow(4)
    window.add("a")

    assert "a" in window
    assert "b" not in window
