"""Decode, dedupe and match: from deliveries to the few events that ask for something.

pipeline/__init__.py pulls the sieve's chunks and dispatches them.  Everything here is plain synchronous work between
awaits: an event that matches nothing costs no task, no lock and no call of the state store.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import datetime
from itertools import islice

import msgspec

from daemon.clock import Clock
from daemon.decode import Decoder
from daemon.dedupe.window import SettledWindow
from daemon.dispatch.plan import Match, MatchedRule
from daemon.errors import DecodeError, RejectReason
from daemon.event import Delivery, Event, Rejection, Unwanted
from daemon.rules import RuleSet
from daemon.telemetry import Telemetry
from daemon.telemetry.names import Stage
from daemon.telemetry.signals import EventAged, EventRejected, EventsSifted, StageTimed

_STEP_EVENTS = 64
_TURN_SECONDS = 0.01
"""How long the event loop waits for us, unpacking a huge document apart."""
_MOST_MATCHES = 500
"""In one chunk: bounds the tasks under way for a file in which everything matches."""


_MOST_REFUSED = 1_000
"""Parked one by one of a delivery: a few kilobytes of gzip may hold millions of pieces that cannot be read."""


class Sifted(msgspec.Struct, eq=False):
    """What one chunk of a batch needs done; `finished` are the deliveries whose last event is in it or before."""

    matches: list[tuple[Delivery, Match]]
    rejections: list[tuple[Delivery, Rejection]]
    finished: list[Delivery]
    last: bool = False


class Sieve:
    """One for the process.  `rules` is swapped whole at a reload; an event meets one rule set or the other."""

    def __init__(
        self, decoder: Decoder, window: SettledWindow, rules: RuleSet, telemetry: Telemetry, clock: Clock
    ) -> None:
        self.decoder = decoder
        self.window = window
        self.rules = rules
        self.telemetry = telemetry
        self.clock = clock

    async def sift(self, source: str, batch: Sequence[Delivery]) -> AsyncIterator[Sifted]:
        """Yield the batch's chunks in order; the last one has `last` set."""
        turn = self.clock.monotonic()
        for chunk in _Pass(self, source).run(batch):
            if chunk is not None:
                yield chunk
                turn = self.clock.monotonic()
            elif self.clock.monotonic() - turn > _TURN_SECONDS:
                await self.clock.sleep(0)
                turn = self.clock.monotonic()

    def rule(self, name: str) -> MatchedRule | None:
        """Return what dispatch needs of a rule that is in force; None where none has this name."""
        return self.rules.named(name)

    def remember(self, event: Event) -> None:
        """Take note that an event is final."""
        self.window.add(event.identity)
        self.window.add(self.rules.name_in_window(event))


class _Pass:
    """One batch on its way through the sieve."""

    def __init__(self, sieve: Sieve, source: str) -> None:
        self._sieve = sieve
        self._source = source
        self._refused = 0
        """Of the delivery at hand."""
        self._begin()

    def _begin(self) -> None:
        self._chunk = Sifted([], [], [])
        self._received = self._unmatched = self._duplicate = 0
        self._newest = ""
        self._started = self._sieve.clock.monotonic()

    def run(self, batch: Sequence[Delivery]) -> Iterator[Sifted | None]:
        """Yield chunks as they are full, and None where the event loop may have a turn."""
        for delivery in batch:
            self._refused = 0
            rules = self._sieve.rules
            items = self._sieve.decoder.decode_wanted(delivery, rules.matcher.screen, rules.logs.held)
            while self._sort(delivery, islice(items, _STEP_EVENTS)):
                yield self._close() if self._is_full() else None
            self._chunk.finished.append(delivery)
            yield self._close() if self._is_full() else None
        self._chunk.last = True
        yield self._close()

    def _is_full(self) -> bool:
        return len(self._chunk.matches) + len(self._chunk.rejections) >= _MOST_MATCHES

    def _sort(self, delivery: Delivery, items: Iterator[Event | Unwanted | Rejection]) -> bool:
        """Put a step's events where they belong; True when there may be more.

        The stage boundary: a fault of our own, in a decoder or the matcher, rejects what it struck as a BUG.
        """
        taken = 0
        try:
            for item in items:
                taken += 1
                if isinstance(item, Event):
                    self._match(delivery, item)
                elif isinstance(item, Unwanted):
                    self._pass_over(item)
                else:
                    self._refuse(delivery, item)
        except Exception as error:  # noqa: BLE001
            self._refuse(delivery, _rejection(delivery.identity, error, delivery.body))
        self._sieve.window.turn()
        return taken == _STEP_EVENTS

    def _match(self, delivery: Delivery, event: Event) -> None:
        sieve = self._sieve
        self._newest = event.time
        name = sieve.rules.name_in_window(event)
        if name in sieve.window:
            self._received += 1
            self._duplicate += 1
            return
        try:
            names = sieve.rules.find(event)
        except Exception as error:  # noqa: BLE001
            self._refuse(delivery, _rejection(event.identity, error, event.body))
            return
        self._received += 1
        if names:
            self._chunk.matches.append((delivery, Match(event, sieve.rules.matched(names), delivery.order_key)))
        else:
            self._unmatched += 1
            sieve.window.young.update((event.identity, name))

    def _refuse(self, delivery: Delivery, rejection: Rejection) -> None:
        """Have it parked; of a delivery with too many, the delivery as it came, once, for all the others."""
        self._refused += 1
        if self._refused > _MOST_REFUSED + 1:
            return
        if self._refused > _MOST_REFUSED:
            detail = f"over {_MOST_REFUSED} pieces cannot be read: here is all there was; the next: {rejection.detail}"
            rejection = Rejection(delivery.identity, rejection.reason, detail, delivery.body)
        self._received += 1
        self._chunk.rejections.append((delivery, rejection))

    def _pass_over(self, unwanted: Unwanted) -> None:
        window = self._sieve.window
        new, before = unwanted.identities, len(window.young)
        window.young |= new if new.isdisjoint(window.old) else new - window.old
        unmatched = len(window.young) - before
        self._received += unwanted.events
        self._unmatched += unmatched
        self._duplicate += unwanted.events - unmatched
        self._newest = unwanted.time

    def _close(self) -> Sifted:
        """Report the chunk, begin the next one, and return it."""
        chunk, emit, source = self._chunk, self._sieve.telemetry.emit, self._source
        if self._received:
            in_flight = len(chunk.matches) + len(chunk.rejections)
            emit(EventsSifted(source, self._received, self._unmatched, self._duplicate, in_flight))
        for _, rejection in chunk.rejections:
            emit(EventRejected(source, rejection.reason, rejection.detail, rejection.identity))
        if (age := _age(self._newest, self._sieve.clock.now())) is not None:
            emit(EventAged(source, age))
        emit(StageTimed(Stage.SIFT, self._sieve.clock.monotonic() - self._started))
        self._begin()
        return chunk


def _rejection(identity: str, error: Exception, body: bytes) -> Rejection:
    if isinstance(error, DecodeError):
        return Rejection(identity, error.reason, error.detail, body)
    return Rejection(identity, RejectReason.BUG, type(error).__name__, body)


def _age(time: str, now: float) -> float | None:
    """Return the seconds since an RFC 3339 time, None where there is none that can be read."""
    try:
        return now - datetime.fromisoformat(time).timestamp()
    except (ValueError, OverflowError):
        return None
