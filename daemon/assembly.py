"""From settings to parts: builds what app.py runs and `vigild check` reaches, and closes it in the right order."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator, Collection
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from daemon import sinks, sources
from daemon.actions.config import ActionConfig
from daemon.clients import AwsClients, Secrets
from daemon.clients.estate import Estate
from daemon.clock import Clock
from daemon.decode import Decoder
from daemon.dedupe.claims import Claims
from daemon.dedupe.session import Outage, Session
from daemon.dedupe.window import SettledWindow
from daemon.dispatch.alerts.groups import Groups
from daemon.dispatch.alerts.keeper import Keeper, Memory
from daemon.dispatch.alerts.maintenance import Maintenance
from daemon.dispatch.alerts.quiet import Quiet
from daemon.dispatch.alerts.silences import Silences
from daemon.dispatch.alerts.target import AlertTarget, Hygiene
from daemon.dispatch.context import DispatchContext
from daemon.dispatch.dead_letters import DeadLetterPlace, DeadLetters, PlaceContext, build_places
from daemon.dispatch.dispatcher import Dispatcher
from daemon.dispatch.parking import Parking
from daemon.dispatch.policy import ACTION_FAILURES
from daemon.dispatch.remediation import Remediation, Surroundings, build_remediation
from daemon.dispatch.remediation.answered import AnsweredApprovals
from daemon.dispatch.remediation.aside import Aside
from daemon.dispatch.remediation.expired import ExpiredActions
from daemon.dispatch.remediation.target import ActionTarget
from daemon.dispatch.remediation.undone import UndoneActions
from daemon.dispatch.self_alerts import SelfAlerts
from daemon.dispatch.targets import SinkTarget, Target
from daemon.errors import ConfigError
from daemon.pipeline import Pipeline
from daemon.pipeline.derived import DerivedEvents
from daemon.pipeline.intake import Intake
from daemon.pipeline.ledger import Ledger
from daemon.pipeline.memory import InFlight
from daemon.pipeline.refusals import Refusals
from daemon.pipeline.sift import Sieve
from daemon.rules import RuleSet
from daemon.rules.load import load_rules
from daemon.settings import Settings
from daemon.sinks.base import SinkContext
from daemon.sources.base import REDRIVE, Source, SourceContext
from daemon.state import open_store
from daemon.state.base import StateStore
from daemon.telemetry import Telemetry


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything one daemon consists of."""

    settings: Settings
    telemetry: Telemetry
    clock: Clock
    rng: random.Random
    rules: RuleSet
    store: StateStore
    session: Session
    sources: list[Source]
    targets: dict[str, AlertTarget]
    places: dict[str, DeadLetterPlace]
    remediation: Remediation
    answered: AnsweredApprovals
    expired: ExpiredActions
    undone: UndoneActions
    alerts: SelfAlerts
    silences: Silences
    groups: Groups
    keeper: Keeper
    derived: DerivedEvents
    pipeline: Pipeline


def rules_of(settings: Settings) -> RuleSet:
    """Load the rules that the settings name.  Raises ConfigError."""
    return load_rules(settings.rules, list(settings.targets), settings.told_by_default, list(settings.actions))


@asynccontextmanager
async def assemble(
    settings: Settings,
    telemetry: Telemetry,
    clock: Clock,
    rng: random.Random,
    lying: Collection[str] = frozenset(),
    rules: RuleSet | None = None,
) -> AsyncIterator[Parts]:
    """Build all parts; close them when the block ends: sources, targets, the state, then the clients.

    `lying` is for the dead letters, see there; `rules` take the place of those that the settings name.
    Nothing is received or sent yet.  Raises ConfigError for rules, StateError for a state store that cannot be opened.
    """
    rules = rules_of(settings) if rules is None else rules
    async with AsyncExitStack() as stack:
        aws = AwsClients(settings.aws, clock=clock)
        stack.push_async_callback(aws.close)
        secrets = Secrets(aws, settings.secrets, clock, telemetry)
        store = await open_store(settings.state, aws, clock, rng)
        stack.push_async_callback(store.close)
        dedupe = settings.dedupe
        session = Session(store, clock, telemetry, dedupe.session_seconds, dedupe.state_away_after_seconds)
        alerts = SelfAlerts(settings.failures.alert_targets, clock)
        dispatch = DispatchContext(telemetry, clock, rng, settings.failures, alerts)
        built = build_places(settings.dead_letters, PlaceContext(aws, store))
        places = {name: DeadLetters(name, place, dispatch, lying) for name, place in built.items()}
        aside = Aside(store, telemetry, clock)
        silences = Silences(store, clock, aside)
        hygiene = Hygiene(
            Groups(store, clock, aside),
            Quiet(silences, Maintenance(settings.maintenance), clock),
            Outage(clock, dedupe.state_away_after_seconds),
            telemetry,
            clock,
            rng,
        )
        targets = _targets(settings, SinkContext(clock, aws, secrets), places, dispatch, hygiene)
        for target in targets.values():
            stack.push_async_callback(target.close)
        context = SourceContext(telemetry, clock, rng, aws, store)
        feeds = [sources.build(name, config, context) for name, config in settings.sources.items()]
        for source in feeds:
            stack.push_async_callback(source.close)
        claims = Claims(store, session, clock, settings.dedupe.retention_seconds)
        limits = settings.limits
        in_flight = InFlight(limits.max_in_flight_deliveries, limits.max_in_flight_bytes, telemetry, clock)
        window = SettledWindow(settings.dedupe.window_events)
        sieve = Sieve(Decoder(limits), window, rules, telemetry, clock)
        deliverers: dict[str, Target] = dict(targets)
        dispatcher = Dispatcher(deliverers, claims, telemetry, clock, rng)
        derived = DerivedEvents(sieve, dispatcher, telemetry)
        estate = Estate(settings.estate, aws, secrets, clock)
        stack.push_async_callback(estate.close)
        remediation = build_remediation(
            _telling_actions(settings),
            estate,
            settings.approvals,
            Surroundings(store, session, telemetry, clock, rng, secrets),
            derived.announce,
        )
        parking = {
            name: Parking(name, ACTION_FAILURES, places[settings.actions[name].dead_letter], dispatch)
            for name in remediation.kernels
        }
        for name, kernel in remediation.kernels.items():
            deliverers[name] = ActionTarget(kernel, parking[name], remediation.context, dispatch)
        redelivering = {source.name for source in feeds if source.redelivers}
        pipeline = Pipeline(
            Intake(feeds, in_flight, telemetry, clock, rng),
            sieve,
            dispatcher,
            Ledger(in_flight, telemetry, clock),
            Refusals(_places_of_sources(settings, feeds, places), redelivering, settings.failures, telemetry, clock),
        )
        for source in feeds:
            telemetry.metrics.expect_source(source.name)
        for name in deliverers:
            telemetry.metrics.expect_target(name)
        for name in places:
            telemetry.metrics.expect_place(name)
        telemetry.metrics.expect_rules(rules.rules)
        answered = AnsweredApprovals(remediation.kernels, parking, claims, remediation.context, settings.failures)
        yield Parts(
            settings,
            telemetry,
            clock,
            rng,
            rules,
            store,
            session,
            feeds,
            targets,
            built,
            remediation,
            answered,
            ExpiredActions(remediation.kernels, estate, claims, remediation.context, settings.failures),
            UndoneActions(remediation.kernels, claims, remediation.context, settings.failures),
            alerts,
            silences,
            hygiene.groups,
            Keeper(
                targets,
                sieve.rule,
                Memory(hygiene.groups, silences, claims, dispatcher.claiming, remediation.context.journal),
                dispatch,
            ),
            derived,
            pipeline,
        )


def _targets(
    settings: Settings,
    context: SinkContext,
    places: dict[str, DeadLetters],
    dispatch: DispatchContext,
    hygiene: Hygiene,
) -> dict[str, AlertTarget]:
    targets = {}
    for name, config in settings.targets.items():
        plain = SinkTarget(name, sinks.build(name, config, context), config, places[config.dead_letter], dispatch)
        targets[name] = AlertTarget(plain, config, hygiene)
    return targets


def _telling_actions(settings: Settings) -> dict[str, ActionConfig]:
    """Return the actions, each with the targets that are told of it."""
    default = tuple(settings.told_by_default)
    return {
        name: config if config.notify is not None else config.model_copy(update={"notify": default})
        for name, config in settings.actions.items()
    }


def _places_of_sources(
    settings: Settings, feeds: list[Source], places: dict[str, DeadLetters]
) -> dict[str, DeadLetters]:
    """Leave out the sources whose queue redrives by itself.  Raises ConfigError for one that has no such queue."""
    redriven = [source for source in feeds if settings.sources[source.name].dead_letter == REDRIVE]
    problems = [
        f"sources.{source.name}.dead_letter: only queues redrive by themselves; name one of `dead_letters`"
        for source in redriven
        if not source.redelivers
    ]
    if problems:
        raise ConfigError(*problems)
    return {
        source.name: places[settings.sources[source.name].dead_letter] for source in feeds if source not in redriven
    }
