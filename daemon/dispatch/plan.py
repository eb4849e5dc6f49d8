"""What a match asks for: one intent for each target of each rule.  pipeline/ makes matches, dispatcher.py plans."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import msgspec

from daemon.dedupe.identity import intent_identity
from daemon.dispatch.notices import Headline
from daemon.dispatch.transform import InputTransformer
from daemon.event import Event


class Route(msgspec.Struct, frozen=True):
    """From a rule to one of its targets."""

    target: str
    transformer: InputTransformer | None = None
    group_by: tuple[str, ...] | None = None
    """In place of the target's own keys."""
    at_once: bool = False
    """Never gathered."""


class MatchedRule(msgspec.Struct, frozen=True):
    """What dispatch needs to know of a rule; rules.py makes one for each rule."""

    headline: Headline
    routes: tuple[Route, ...]
    extract: Callable[[Event], Event] | None = None
    """Puts what the rule itself read out of the event into the event that its targets see."""
    is_match: bool = True
    """False where the rule did not match, but is told of in an event of our own."""

    @property
    def name(self) -> str:
        """The rule's name."""
        return self.headline.rule


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
    intents = []
    for rule in match.rules:
        event = match.event if rule.extract is None else rule.extract(match.event)
        intents += [
            Intent(intent_identity(event.identity, rule.name, route.target), event, rule, route)
            for route in rule.routes
        ]
    return intents
