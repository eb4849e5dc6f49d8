"""Processes as dedupe/ knows them: a session and claims on a shared store, and how time goes by for them."""

from __future__ import annotations

from daemon.dedupe.claims import Busy, Claims, Final, Held
from daemon.dedupe.session import Session
from daemon.state.base import StateStore
from daemon.telemetry import Telemetry, build_telemetry
from tests.clocks import HandWound


async def process(store: StateStore, clock: HandWound, telemetry: Telemetry | None = None) -> tuple[Session, Claims]:
    """Return what one daemon process has: a session of its own on the shared store."""
    session = Session(store, clock, telemetry or build_telemetry(clock=clock), ttl_seconds=15)
    await session.renew()
    return session, Claims(store, session, clock, retention_seconds=3600)


async def claim_one(claims: Claims, intent: str = "intent") -> Held | Busy | Final:
    """Try to claim it, once."""
    (answer,) = await claims.claim([intent])
    return answer


async def live_on(clock: HandWound, seconds: float, *sessions: Session) -> None:
    """Let time go by, in which these processes renew."""
    end = clock.time + seconds
    while clock.time < end:
        clock.time = min(clock.time + 5, end)
        for session in sessions:
            await session.renew()
