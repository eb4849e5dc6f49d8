"""What becomes of bytes that cannot be read: parked, dropped, or given back to their source, as the policy says."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from daemon.clock import Clock
from daemon.dispatch.dead_letters import DeadLetters, rejection_letter
from daemon.dispatch.policy import FailureSettings, Remedy
from daemon.event import Delivery, Rejection
from daemon.telemetry import Telemetry
from daemon.telemetry.delivery import RejectionDropped

_DELIVERIES = 5
"""How often a message is given back where the policy does not say."""


class Refusals:
    """All sources share it; `places` leaves out those whose queue redrives by itself, `redelivering` are those that
    bring again while the daemon runs what is given back to them.
    """

    def __init__(
        self,
        places: Mapping[str, DeadLetters],
        redelivering: Collection[str],
        failures: FailureSettings,
        telemetry: Telemetry,
        clock: Clock,
    ) -> None:
        self._places = places
        self._redelivering = redelivering
        self._failures = failures
        self._telemetry = telemetry
        self._clock = clock

    async def settle(self, delivery: Delivery, rejection: Rejection) -> bool:
        """Do what is to be done; False when the delivery has to go back to its source."""
        policy = self._failures.of_rejection(rejection.reason)
        again = policy.do is Remedy.RETRY and delivery.source in self._redelivering
        if again and delivery.attempt < (policy.max_attempts or _DELIVERIES):
            return False
        if policy.finally_dropped:
            self._telemetry.emit(RejectionDropped(delivery.source, rejection.reason, rejection.identity))
            return True
        place = self._places.get(delivery.source)
        if place is None:
            return False
        await place.park(rejection_letter(delivery, rejection, self._clock.now()))
        return True
