"""What a match asks for: one intent for each target of each rule.  pipeline/ builds matches, dispatcher.py plans them."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from daemon.dedupe.identity import intent_identity
from daemon.dispatch.transform import InputTransformer
from daemon.event import Event
from daemon.sinks.base import Severity


class Route(msgspec.Struct, frozen=True):
    """From a rule to one of its targets."""

    target: str
    transformer: InputTransformer | None = None


class MatchedRule(msgspec.Struct, frozen=True):
    """What dispatch needs to know of a rule; rules.py makes one for each rule."""

    name: str
    severity: Severity
    description: str
    routes: tuple[Route, ...]


class Match(msgspec.Struct, frozen=True, eq=False):
    """An event with the rules that matched it."""

    event: Event
    rules: tuple[MatchedRule, ...]
    order_key: str | None = None
    """Matches of one key are carried out one after the other, in the order given."""


class Intent(msgspec.Struct, frozen=True, eq=False):
    """One effect: this event, by this rule, on this target."""

    id: str
    """Claim key and idempotency key; see intent_identity."""
    event: Event
    rule: MatchedRule
    route: Route


def plan(match: Match) -> Sequence[Intent]:
    """Return the match's intents, in the order of its rules and their targets."""
    return [
        Intent(intent_identity(match.event.identity, rule.name, route.target), match.event, rule, route)
        for rule in match.rules
        for route in rule.routes
    ]
