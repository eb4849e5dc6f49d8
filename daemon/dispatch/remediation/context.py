"""What all actions of a daemon share; assembly.py makes one."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from daemon.clock import Clock
from daemon.dispatch.remediation.approvals import Approvals
from daemon.dispatch.remediation.counts import HourlyCounts
from daemon.dispatch.remediation.holds import Holds
from daemon.dispatch.remediation.locks import ResourceLocks
from daemon.dispatch.remediation.loops import LoopBreaker
from daemon.dispatch.remediation.record import Records
from daemon.dispatch.remediation.schedule import Schedule
from daemon.event import Event
from daemon.journal import Journal
from daemon.state.base import StateStore
from daemon.telemetry import Telemetry

Announce = Callable[[Event, tuple[str, ...], str], Awaitable[None]]
"""Bring an event of our own to its end: sent to these targets for this rule, and to those of rules that match it."""


@dataclass(frozen=True, slots=True)
class RemediationContext:
    """Memory, policy and voice."""

    store: StateStore
    records: Records
    journal: Journal
    holds: Holds
    counts: HourlyCounts
    loops: LoopBreaker
    locks: ResourceLocks
    approvals: Approvals
    expiries: Schedule
    """Of undos."""
    undone: Schedule
    """What is to be told as undone."""
    announce: Announce
    telemetry: Telemetry
    clock: Clock
    rng: random.Random
