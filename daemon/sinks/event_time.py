"""When an event says that it happened, for services that want to be told in their own form."""

from __future__ import annotations

from datetime import UTC, datetime

from daemon.event import Event


def time_of(event: Event) -> float | None:
    """Return its time in seconds since the epoch; None where it has none, or none that a calendar knows."""
    try:
        found = datetime.fromisoformat(event.time)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
