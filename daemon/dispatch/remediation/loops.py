"""The loop breaker: knows the events that our own calls cause, and stops a rule that keeps touching one resource.

kernel.py notes every change it makes and asks before every action.  Three marks, of which one is enough, because each
may be missing: the id of a request that we made, the name of our role session, our user agent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from daemon.clients.estate import Call
from daemon.clock import Clock
from daemon.dispatch.remediation.counts import HourlyCounts
from daemon.dispatch.remediation.holds import Hold, Holds
from daemon.state.base import StateStore, Write

_PREFIX = "request/"
_KNOWN_SECONDS = 2 * 86_400.0
"""CloudTrail delivers within minutes, S3 and queues may hold it for longer."""
_USER_AGENT = "vigild/"


class LoopBreaker:
    """Shared by all actions.  Every verb raises StateError."""

    def __init__(self, store: StateStore, clock: Clock, holds: Holds, counts: HourlyCounts, session_name: str) -> None:
        self._store = store
        self._clock = clock
        self._holds = holds
        self._counts = counts
        self._session = session_name

    async def note(self, call: Call, intent: str) -> None:
        """Remember a change that we asked for."""
        if call.request_id:
            expires = self._clock.now() + _KNOWN_SECONDS
            await self._store.put([Write(_PREFIX + call.request_id, intent.encode(), None, expires)])

    async def cause(self, event: Mapping[str, Any]) -> str | None:
        """Return which of our intents an event comes from, "" where only that it is ours is known, None for others'."""
        detail = event.get("detail")
        if not isinstance(detail, dict):
            return None
        request = detail.get("requestID") or detail.get("request-id")  # CloudTrail's name for it, and S3's own
        if isinstance(request, str) and 0 < len(request) <= 256:
            (item,) = await self._store.get([_PREFIX + request])
            if item is not None:
                return item.value.decode(errors="replace")
        return "" if self._is_signed_by_us(detail) else None

    def _is_signed_by_us(self, detail: dict[str, Any]) -> bool:
        identity = detail.get("userIdentity")
        arn = identity.get("arn") if isinstance(identity, dict) else None
        if isinstance(arn, str) and ":assumed-role/" in arn and arn.endswith("/" + self._session):
            return True
        agent = detail.get("userAgent")
        return isinstance(agent, str) and any(part.startswith(_USER_AGENT) for part in agent.strip("[]").split())

    async def touched(self, rule: str, resources: tuple[str, ...], limit: int) -> Hold | None:
        """Count an action on resources; past `limit` in an hour suspend the rule, and return the hold that does so."""
        for resource in resources:
            count = await self._counts.add(f"touch/{resource}")
            if count > limit:
                hold = Hold(
                    id=f"loop-{rule}",
                    rule=rule,
                    by="vigild",
                    why=f"{resource} was touched {count} times within an hour",
                    since=self._clock.now(),
                )
                await self._holds.place(hold, None)
                return hold
        return None
