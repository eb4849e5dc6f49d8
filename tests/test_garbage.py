"""The garbage collector's pauses: nobody's ends another's, and none outlasts its work."""

from __future__ import annotations

import gc
import json
from threading import Event, Thread

import pytest

from daemon.errors import DecodeError
from daemon.garbage import collector_paused
from daemon.match import Matcher


def test_the_collector_goes_on_after_the_last_pause() -> None:
    """A pause inside another, or in another thread, leaves the collector off until both are over."""
    paused, over = Event(), Event()

    def pause() -> None:
        with collector_paused():
            paused.set()
            over.wait()

    other = Thread(target=pause)
    with collector_paused():
        other.start()
        paused.wait()
        with collector_paused():
            pass
        assert not gc.isenabled()
    assert not gc.isenabled()
    over.set()
    other.join()
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off() -> None:
    """Whoever switched the collector off for good is not overruled."""
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_a_large_event_is_matched_without_collections() -> None:
    """However many parts an event has, the collector leaves them alone; it may run afterwards."""
    matcher = Matcher({"rule": {"a": {"b": {"c": [1]}, "d": [1]}}})
    body = json.dumps({"a": [{"b": {"c": 1}, "d": 2}] * 20_000 + [{"b": {"c": 1}, "d": 1}]}).encode()
    collections: list[str] = []

    def collected(phase: str, _: object) -> None:
        if phase == "start":
            collections.append(phase)

    gc.callbacks.append(collected)
    try:
        assert matcher.find(body) == ["rule"]
        with pytest.raises(DecodeError):
            matcher.find(body + b"x")
        assert len(collections) < 10
    finally:
        gc.callbacks.remove(collected)
    assert gc.isenabled()
