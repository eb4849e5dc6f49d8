"""Whether an alert is held back, and by what: silences first, then maintenance windows.  target.py asks."""

from __future__ import annotations

from daemon.clock import Clock
from daemon.dispatch.alerts.facts import Alert
from daemon.dispatch.alerts.group import Key
from daemon.dispatch.alerts.maintenance import Maintenance
from daemon.dispatch.alerts.silences import Silences
from daemon.errors import StateError
from daemon.telemetry.names import NoteState


class Quiet:
    """All that holds alerts back."""

    def __init__(self, silences: Silences, maintenance: Maintenance, clock: Clock) -> None:
        self._silences = silences
        self._maintenance = maintenance
        self._clock = clock

    async def holding(self, alert: Alert) -> Key | None:
        """Return the group of what is held back with this alert; None where it goes out.

        While the state store is away, silences count as they were last known.
        """
        try:
            silence = await self._silences.covering(alert)
        except StateError:
            silence = self._silences.known_covering(alert)
        if silence is not None:
            why = f"{silence.by}: {silence.why}"
            return Key(alert.target, (), silence.id, NoteState.SILENCE, silence.until, why)
        window = self._maintenance.covering(alert, self._clock.now())
        if window is None:
            return None
        return Key(alert.target, (), window.name, NoteState.MAINTENANCE, window.until, window.why)
