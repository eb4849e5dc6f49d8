"""What every part of dispatch is given beside what is its own."""

from __future__ import annotations

import random
from dataclasses import dataclass

from daemon.clock import Clock
from daemon.dispatch.policy import FailureSettings
from daemon.dispatch.self_alerts import SelfAlerts
from daemon.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class DispatchContext:
    """Telemetry, time and chance; what to do about failures, and whom to tell."""

    telemetry: Telemetry
    clock: Clock
    rng: random.Random
    failures: FailureSettings
    alerts: SelfAlerts
