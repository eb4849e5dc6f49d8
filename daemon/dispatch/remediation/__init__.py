"""Acts on the estate, safely: kernel.py is the whole way on one screen, the other files are what it asks.

assembly.py calls build_remediation; the command line does, too, for undo, approvals and holds.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from daemon import actions
from daemon.actions.config import ActionConfig
from daemon.clients import Secrets
from daemon.clients.estate import Estate
from daemon.clock import Clock
from daemon.dedupe.session import Session
from daemon.dispatch.remediation.approvals import Approvals, ApprovalSettings
from daemon.dispatch.remediation.aside import Aside
from daemon.dispatch.remediation.context import Announce, RemediationContext
from daemon.dispatch.remediation.counts import HourlyCounts
from daemon.dispatch.remediation.holds import Holds
from daemon.dispatch.remediation.kernel import Kernel
from daemon.dispatch.remediation.locks import ResourceLocks
from daemon.dispatch.remediation.loops import LoopBreaker, Ourselves
from daemon.dispatch.remediation.record import Records
from daemon.dispatch.remediation.schedule import Schedule
from daemon.journal import Journal
from daemon.state.base import StateStore
from daemon.telemetry import Telemetry

__all__ = ("Remediation", "Surroundings", "build_remediation")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a process has before it has actions."""

    store: StateStore
    session: Session
    telemetry: Telemetry
    clock: Clock
    rng: random.Random
    secrets: Secrets


@dataclass(frozen=True, slots=True)
class Remediation:
    """All configured actions and what they share."""

    kernels: dict[str, Kernel]
    context: RemediationContext
    estate: Estate


def build_remediation(
    configs: Mapping[str, ActionConfig],
    estate: Estate,
    approvals: ApprovalSettings,
    surroundings: Surroundings,
    announce: Announce,
) -> Remediation:
    """Build the kernel of each configured action; nothing is called yet."""
    store, clock = surroundings.store, surroundings.clock
    aside = Aside(store, surroundings.telemetry, clock)
    holds = Holds(store, clock, aside)
    counts = HourlyCounts(store, clock, aside)
    context = RemediationContext(
        store=store,
        records=Records(store, aside),
        journal=Journal(store),
        holds=holds,
        counts=counts,
        loops=LoopBreaker(store, clock, holds, counts, Ourselves(estate.settings.session_name, estate.acts_as)),
        locks=ResourceLocks(store, surroundings.session, clock, surroundings.rng),
        approvals=Approvals(store, clock, approvals, surroundings.secrets, aside),
        expiries=Schedule("undo-at/", store, clock, aside),
        undone=Schedule("undone/", store, clock, aside),
        announce=announce,
        telemetry=surroundings.telemetry,
        clock=clock,
        rng=surroundings.rng,
    )
    kernels = {name: Kernel(name, actions.build(config), estate, context) for name, config in configs.items()}
    return Remediation(kernels, context, estate)
