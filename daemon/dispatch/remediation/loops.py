"""The loop breaker: knows the events that our own calls cause, and stops a rule that keeps touching one resource.

kernel.py asks before every action, performing.py notes every change it makes.  The id of a request that we made is
proof.  Where it is missing, the name of our role session or our user agent is, but only of a caller whose account and
role are ours: any caller may give himself these two, and would switch remediation off by it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from daemon.actions.subject import Subject
from daemon.clients.estate import Call
from daemon.clock import Clock
from daemon.dispatch.remediation.counts import HourlyCounts
from daemon.dispatch.remediation.holds import Hold, Holds
from daemon.state.base import StateStore, Write

_PREFIX = "request/"
_KNOWN_SECONDS = 2 * 86_400.0
"""CloudTrail delivers within minutes, S3 and queues may hold it for longer."""
_USER_AGENT = "vigild/"


@dataclass(frozen=True, slots=True)
class Ourselves:
    """How AWS shows our own calls."""

    session_name: str
    acts_as: Callable[[str], Awaitable[bool]]
    """Estate.acts_as."""


class LoopBreaker:
    """Shared by all actions.  Every verb raises StateError."""

    def __init__(self, store: StateStore, clock: Clock, holds: Holds, counts: HourlyCounts, us: Ourselves) -> None:
        self._store = store
        self._clock = clock
        self._holds = holds
        self._counts = counts
        self._us = us

    async def note(self, call: Call, intent: str) -> None:
        """Remember a change that we asked for."""
        if call.request_id:
            expires = self._clock.now() + _KNOWN_SECONDS
            await self._store.put([Write(_PREFIX + call.request_id, intent.encode(), None, expires)])

    async def cause(self, event: Mapping[str, Any]) -> str | None:
        """Return which of our intents an event comes from, "" where only that it is ours is known, None for others'.

        Raises EffectError where AWS does not say who we are.
        """
        detail = event.get("detail")
        if not isinstance(detail, dict):
            return None
        request = detail.get("requestID") or detail.get("request-id")  # CloudTrail's name for it, and S3's own
        if isinstance(request, str) and 0 < len(request) <= 256:
            (item,) = await self._store.get([_PREFIX + request])
            if item is not None:
                return item.value.decode(errors="replace")
        return "" if await self._is_signed_by_us(detail) else None

    async def _is_signed_by_us(self, detail: dict[str, Any]) -> bool:
        identity, agent = detail.get("userIdentity"), detail.get("userAgent")
        arn = identity.get("arn") if isinstance(identity, dict) else None
        if not isinstance(arn, str):
            return False
        in_our_session = ":assumed-role/" in arn and arn.endswith("/" + self._us.session_name)
        by_our_agent = isinstance(agent, str) and any(
            part.startswith(_USER_AGENT) for part in agent.strip("[]").split()
        )
        return (in_our_session or by_our_agent) and await self._us.acts_as(arn)

    async def touched(self, rule: str, subject: Subject, limit: int) -> Hold | None:
        """Count an action on resources; past `limit` in an hour suspend the rule, and return the hold that does so."""
        for resource in subject.resources:
            count = await self._counts.add(f"touch/{subject.account}/{subject.region}/{resource}")
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
