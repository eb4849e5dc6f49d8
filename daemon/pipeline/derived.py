"""Events of our own: they go in at match with a hop count, and are final when all that they ask for is.

dispatch/remediation/ announces what actions did, dispatch/self_alerts.py that a target is suspended; rules may match
`source: [vigild]`.
"""

from __future__ import annotations

from dataclasses import replace

from daemon.dispatch.dispatcher import Dispatcher
from daemon.dispatch.notices import Headline
from daemon.dispatch.plan import Match, MatchedRule, Route
from daemon.dispatch.remediation.result import described
from daemon.event import Event
from daemon.pipeline.sift import Sieve
from daemon.sinks.base import Severity
from daemon.telemetry import Telemetry
from daemon.telemetry.actions import DerivedRefused

MOST_HOPS = 4
"""A rule that acts on what a rule did, four times over, is a loop."""


class DerivedEvents:
    """Matches events of our own and carries out what they ask for."""

    def __init__(self, sieve: Sieve, dispatcher: Dispatcher, telemetry: Telemetry) -> None:
        self._sieve = sieve
        self._dispatcher = dispatcher
        self._telemetry = telemetry

    async def announce(self, event: Event, targets: tuple[str, ...], rule: str) -> None:
        """Send to `targets` for the rule that it tells of, and carry out the rules that match the event itself."""
        known = self._sieve.rule(rule)
        headline = known.headline if known else Headline(rule, Severity.MEDIUM, "")
        # What became of it first: under the rule's own words alone, it would read as the alert once more.
        said = replace(headline, description=described(event, headline.description))
        await self.tell(event, said, targets)

    async def tell(self, event: Event, headline: Headline, targets: tuple[str, ...]) -> None:
        """Send to `targets` under this headline, and carry out the rules that match the event itself."""
        rules = self._sieve.rules
        if event.hops > MOST_HOPS:
            self._telemetry.emit(DerivedRefused(event.identity, event.hops))
            matched: tuple[MatchedRule, ...] = ()
        else:
            matched = rules.matched(rules.find(event))
        if targets:
            matched += (MatchedRule(headline, tuple(Route(target) for target in targets), is_match=False),)
        if matched:
            await self._dispatcher.carry_out([Match(event, matched)], lambda *_: None)
