"""What /livez and /readyz answer.  The loop beats, parts report; endpoints.py reads from another thread.

Live: the event loop has beaten within the limit; a daemon that is not live should be restarted.
Ready: every part that reported a fault has since reported that it is well again, or its fault counts no more.
"""

from __future__ import annotations

from collections.abc import Callable

from daemon.clock import Clock


class Health:
    """Written by the event loop's thread, read by the endpoints' thread; every write is one dict or float store."""

    def __init__(self, clock: Clock, stalled_after_seconds: float = 10.0) -> None:
        self._clock = clock
        self._stalled_after = stalled_after_seconds
        self._beat = clock.monotonic()
        self._faults: dict[str, tuple[str, Callable[[], bool]]] = {}
        self.ill("daemon", "starting")

    def beat(self) -> None:
        """Say that the event loop turns."""
        self._beat = self._clock.monotonic()

    def well(self, part: str) -> None:
        """Say that a part ("source orders", "state store") works."""
        self._faults.pop(part, None)

    def ill(self, part: str, why: str, counts: Callable[[], bool] = lambda: True) -> None:
        """Say that a part does not work; `why` is shown to whoever asks, so it holds no secret.

        `counts` is asked from the endpoints' thread whether the fault still stands.
        """
        self._faults[part] = (why, counts)

    def live(self) -> tuple[bool, str]:
        """Return whether the loop turns, and a sentence."""
        silence = self._clock.monotonic() - self._beat
        if silence > self._stalled_after:
            return False, f"event loop silent for {silence:.1f} s"
        return True, "live"

    def ready(self) -> tuple[bool, str]:
        """Return whether no part has a fault, and one line for each that has."""
        faults = {part: why for part, (why, counts) in dict(self._faults).items() if counts()}
        if faults:
            return False, "\n".join(f"{part}: {why}" for part, why in sorted(faults.items()))
        return True, "ready"
