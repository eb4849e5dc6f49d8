"""Alerts about vigild itself: events of our own, which rules may match, sent to `failures.alert_targets` as well.

suspension.py asks for them, app.py runs the sending.  They are claimed and retried as all alerts are, so that replicas
which share a state store send one.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, NamedTuple

import anyio
import orjson

from daemon.clock import Clock, rfc3339
from daemon.dispatch.notices import Headline
from daemon.errors import EffectError
from daemon.event import Event
from daemon.sinks.base import Severity

SUSPENDED_RULE = "vigild-target-suspended"
"""In place of a rule's name, in alerts that a target is no longer called."""
_SAME_SECONDS = 3_600
"""Within one hour of the clock, a target that fails in the same way is told of once, by whichever replica is first."""

Tell = Callable[[Event, Headline, tuple[str, ...]], Coroutine[Any, Any, None]]
"""Send to these targets, and to those of the rules that match the event."""


class _Alert(NamedTuple):
    event: Event
    headline: Headline
    targets: tuple[str, ...]


class SelfAlerts:
    """What is still to be sent: at most one alert for each target."""

    def __init__(self, targets: Sequence[str], clock: Clock) -> None:
        self._targets = tuple(targets)
        self._clock = clock
        self._pending: dict[str, _Alert] = {}
        self._under_way: set[str] = set()
        self._wake = anyio.Event()

    def target_suspended(self, target: str, cause: EffectError, since: float) -> None:
        """Ask for the alert that a target is no longer called."""
        identity = f"vigild:target-suspended:{target}:{cause.kind}:{int(since) // _SAME_SECONDS}"
        time = rfc3339(since)
        body = orjson.dumps(
            {
                "version": "0",
                "id": identity,
                "detail-type": "Target Suspended",
                "source": "vigild",
                "account": "",
                "time": time,
                "region": "",
                "resources": [],
                "detail": {"target": target, "kind": cause.kind, "detail": cause.detail},
            }
        )
        said = f"Target {target} is no longer called, only tried: {cause.kind}, {cause.detail}"
        others = tuple(name for name in self._targets if name != target)
        headline = Headline(SUSPENDED_RULE, Severity.CRITICAL, said)
        self._pending[target] = _Alert(Event(identity, body, time, hops=1), headline, others)
        self._wake.set()

    async def run(self, tell: Tell) -> None:
        """Send for ever; what a stop cuts off comes again when the target fails again."""
        async with anyio.create_task_group() as group:
            while True:
                await self._wake.wait()
                self._wake = anyio.Event()
                while self._pending:
                    target, alert = self._pending.popitem()
                    # Each by itself: one that waits for its own target must not hold the others up.  One at a time for
                    # each target, however often it comes and goes meanwhile.
                    if target not in self._under_way:
                        self._under_way.add(target)
                        group.start_soon(self._send, tell, target, alert)

    async def _send(self, tell: Tell, target: str, alert: _Alert) -> None:
        await tell(*alert)
        self._under_way.discard(target)
