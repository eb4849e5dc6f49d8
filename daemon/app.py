"""Life of the process: assemble, receive, obey signals, reload, stop in order.  cli.py calls run_daemon.

SIGTERM or SIGINT stops in order, a second one at once; SIGHUP reloads the rules.
"""

from __future__ import annotations

import gc
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import anyio
import anyio.abc
from anyio import to_thread

from daemon import __version__
from daemon.address import host_and_port
from daemon.allocator import use_one_heap
from daemon.approval_page import serve_approvals
from daemon.assembly import Parts, assemble, rules_of
from daemon.clock import SystemClock
from daemon.errors import ConfigError, StateError
from daemon.garbage import collector_paused
from daemon.rules import RuleSet
from daemon.settings import Settings
from daemon.sources.base import Source
from daemon.summary import Summary, summarise
from daemon.telemetry import build_telemetry
from daemon.telemetry.conditions import LoopStalled, ReloadFailed, RulesLoaded, StateFailed
from daemon.telemetry.endpoints import serve_endpoints
from daemon.telemetry.signals import DaemonStarted, DaemonStopped, DaemonStopping

_BEAT_SECONDS = 0.25
_PURGE_SECONDS = 60.0
_TURN_SECONDS = 0.001
"""How long a thread that loads rules keeps the interpreter while the event loop wants it, instead of Python's 5 ms.

The loop waits so long whenever it has let go of it, which it does several times a turn to read, to inflate, to send.
"""
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


@dataclass(slots=True)
class _Run:
    """What happens to one run from outside."""

    stopping: bool = False
    forced: bool = False
    finishing: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    """Of what is told at once when all sources are exhausted."""


async def run_daemon(settings: Settings, watch: Callable[[list[Source]], None] | None = None) -> Summary:
    """Run until stopped by a signal or until all finite sources are exhausted; return what was done.

    `watch` is called with the sources every quarter of a second, for a progress bar.  Raises ConfigError or StateError
    when it cannot start.
    """
    use_one_heap()
    clock, rng = SystemClock(), random.Random()
    telemetry = build_telemetry(settings.telemetry.log_format, settings.telemetry.log_level, clock)
    run = _Run()
    async with assemble(settings, telemetry, clock, rng) as parts:
        await parts.session.renew()
        started = clock.monotonic()
        with serve_endpoints(*host_and_port(settings.telemetry.listen), telemetry.metrics, telemetry.health):
            async with _approval_page(parts), anyio.create_task_group() as group:
                with anyio.open_signal_receiver(*_STOP_SIGNALS, signal.SIGHUP) as signals:
                    group.start_soon(_obey, signals, parts, run, group.cancel_scope)
                    group.start_soon(parts.session.keep, rng)
                    group.start_soon(_beat, parts, watch)
                    group.start_soon(_purge, parts)
                    if parts.remediation.kernels:
                        group.start_soon(parts.answered.run)
                        group.start_soon(parts.expired.run)
                        group.start_soon(parts.undone.run)
                    group.start_soon(parts.alerts.run, parts.derived.tell)
                    group.start_soon(parts.pipeline.dispatcher.claiming.watch)
                    group.start_soon(parts.keeper.run)
                    _announce(parts)
                    gc.freeze()  # as _load_aside
                    await parts.pipeline.run()
                    with run.finishing:
                        await parts.keeper.finish()
                    group.cancel_scope.cancel()
        telemetry.emit(DaemonStopped(parts.pipeline.ledger.released))
        await _end_session(parts)
        return summarise(parts, clock.monotonic() - started, run.stopping, run.forced)


def _approval_page(parts: Parts) -> AbstractAsyncContextManager[object]:
    """Serve the page behind approval links, where alerts carry any."""
    approvals = parts.settings.approvals
    if not approvals.has_links:
        return nullcontext()
    return serve_approvals(parts.remediation.context, *host_and_port(approvals.listen))


def _announce(parts: Parts) -> None:
    emit, rules = parts.telemetry.emit, parts.rules
    emit(RulesLoaded(len(rules.rules), rules.files))
    emit(DaemonStarted(__version__, len(rules.rules), [source.name for source in parts.sources], list(parts.targets)))
    parts.telemetry.health.well("daemon")


async def _obey(signals: AsyncIterator[signal.Signals], parts: Parts, run: _Run, everything: anyio.CancelScope) -> None:
    """Turn signals into the ordered stop, the forced one, or a reload."""
    async for number in signals:
        if number is signal.SIGHUP:
            await reload_rules(parts)
        elif not run.stopping:
            run.stopping = True
            run.finishing.cancel()
            stop = parts.settings.stop
            parts.telemetry.health.ill("daemon", "stopping")
            parts.telemetry.emit(DaemonStopping(number.name, parts.pipeline.ledger.in_flight.deliveries))
            parts.pipeline.stop(stop.poll_grace_seconds, stop.drain_seconds)
        else:
            run.forced = True
            everything.cancel()


async def reload_rules(parts: Parts) -> None:
    """Put the rules as they are on disk now in force, all at once; with any fault in them, keep the old ones.

    Compiled in a worker thread, so that matching goes on meanwhile.
    """
    try:
        rules = await to_thread.run_sync(_load_aside, parts)
    except ConfigError as error:
        parts.telemetry.emit(ReloadFailed(list(error.problems)))
        return
    parts.pipeline.sieve.rules = rules
    parts.telemetry.emit(RulesLoaded(len(rules.rules), rules.files))


def _load_aside(parts: Parts) -> RuleSet:
    """Load rules without the garbage collector, which would hold up every thread while it goes through all of them.

    Rules are no garbage and refer to nothing that refers to them; so it never has to look at them later either.
    """
    with collector_paused(), _short_turns():
        rules = rules_of(parts.settings)
        _refuse_changed_actions(parts.pipeline.sieve.rules.actions, rules.actions)
        parts.telemetry.metrics.expect_rules(rules.rules)
        gc.freeze()  # inside, for the first thing that a collector does when it goes on is to go through what is new
    return rules


def _refuse_changed_actions(before: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Raise ConfigError: who takes an action back to `shadow` must not believe that it is."""
    changed = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if changed:
        raise ConfigError(
            f"rules: actions are read at the start only, and changed since: {', '.join(changed)}; restart"
        )


@contextmanager
def _short_turns() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        yield
    finally:
        sys.setswitchinterval(usual)


async def _beat(parts: Parts, watch: Callable[[list[Source]], None] | None) -> None:
    """Show that the loop turns, and how late."""
    clock = parts.clock
    while True:
        asked = clock.monotonic()
        await clock.sleep(_BEAT_SECONDS)
        parts.telemetry.health.beat()
        parts.telemetry.emit(LoopStalled(max(clock.monotonic() - asked - _BEAT_SECONDS, 0.0)))
        if watch is not None:
            watch(parts.sources)


async def _purge(parts: Parts) -> None:
    """Remove what has expired, a slice at a time."""
    while True:
        await parts.clock.sleep(_PURGE_SECONDS)
        try:
            while await parts.store.purge():
                await parts.clock.sleep(0)
        except StateError as error:
            parts.telemetry.emit(StateFailed(error.detail, _PURGE_SECONDS))


async def _end_session(parts: Parts) -> None:
    try:
        await parts.session.end()
    except StateError as error:
        parts.telemetry.emit(StateFailed(error.detail, 0.0))
