"""`vigild dead-letters list | show | redrive | purge`: what could not be read or delivered, in every place.

Works beside running daemons.  Redriving claims each alert as they do, so it needs the state store that they share.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, TypeVar

import msgspec
import typer

from daemon.assembly import rules_of
from daemon.cli.letters import heading, letter_line, open_places, said, with_redriver
from daemon.cli.loading import require_state
from daemon.cli.options import ConfigOption
from daemon.cli.report import counting_bar
from daemon.cli.start import run_async
from daemon.dispatch.dead_letters import DeadLetterPlace
from daemon.dispatch.dead_letters.selection import Selection
from daemon.errors import ConfigError, FailureKind, RejectReason
from daemon.near_miss import near_miss
from daemon.pipeline.redrive import REMOVED, Fate, Redriver, foresee
from daemon.settings import Settings, load_settings

T = TypeVar("T")

application = typer.Typer(help="Look at, redrive and purge what is parked.", no_args_is_help=True)

_AGE = re.compile(r"(\d+)([smhd])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}

PlaceOption = Annotated[list[str] | None, typer.Option("--place", help="Only this place; without it, all.")]
IdOption = Annotated[list[str] | None, typer.Option("--id", help="Only ids that begin so.")]
ReasonOption = Annotated[list[str] | None, typer.Option("--reason", help="Only letters with this reason.")]
NameOption = Annotated[list[str] | None, typer.Option("--name", help="Only of this source or target.")]
RuleOption = Annotated[list[str] | None, typer.Option("--rule", help="Only of this rule.")]
OlderOption = Annotated[str | None, typer.Option("--older-than", help="Parked longer ago than this: 90s, 15m, 2h, 7d.")]
NewerOption = Annotated[str | None, typer.Option("--newer-than", help="Parked less long ago than this.")]


@application.command("list")
def list_letters(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    place: PlaceOption = None,
    ids: IdOption = None,
    reason: ReasonOption = None,
    name: NameOption = None,
    rule: RuleOption = None,
    older_than: OlderOption = None,
    newer_than: NewerOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print whole letters, a JSON object a line.")] = False,  # noqa: FBT002
    config: ConfigOption = None,
) -> None:
    """Print a line for each letter, and how many there are by reason.

    Looking at a queue receives its messages and shows them again: a redrive policy of that queue counts that.
    """
    settings, selection = load_settings(config), _selection(ids, reason, name, rule, older_than, newer_than)

    async def work(places: dict[str, DeadLetterPlace]) -> None:
        found: Counter[str] = Counter()
        others = 0
        if not as_json:
            typer.echo(heading())
        for place_name, one in places.items():
            async for kept in one.letters():
                if kept.letter is None:
                    others += 1
                elif selection.means(kept.letter):
                    found[kept.letter.reason] += 1
                    typer.echo(msgspec.json.encode(kept.letter) if as_json else letter_line(place_name, kept.letter))
        typer.echo(said(found, "letter(s)"), err=True)
        if others:
            typer.echo(f"{others} thing(s) that are no letters", err=True)

    _with_places(settings, place, work)


@application.command("show")
def show(
    letter_id: Annotated[str, typer.Argument(metavar="ID", help="The letter's id, or how it begins.")],
    place: PlaceOption = None,
    config: ConfigOption = None,
) -> None:
    """Print whole letters.  Exit code 1 where there is none of this id."""

    async def work(places: dict[str, DeadLetterPlace]) -> int:
        found = 0
        for one in places.values():
            async for kept in one.letters():
                if kept.letter is not None and kept.letter.id.startswith(letter_id):
                    found += 1
                    typer.echo(msgspec.json.format(msgspec.json.encode(kept.letter), indent=2))
        return found

    if not _with_places(load_settings(config), place, work):
        typer.echo(f"vigild: no letter has an id that begins with {letter_id!r}", err=True)
        raise typer.Exit(1)


@application.command("redrive")
def redrive(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    place: PlaceOption = None,
    ids: IdOption = None,
    reason: ReasonOption = None,
    name: NameOption = None,
    rule: RuleOption = None,
    older_than: OlderOption = None,
    newer_than: NewerOption = None,
    rate: Annotated[float, typer.Option("--rate", min=0.01, max=10_000, help="Letters a second, at most.")] = 20.0,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be tried; send nothing.")] = False,  # noqa: FBT002
    config: ConfigOption = None,
) -> None:
    """Send letters on their way again: alerts to their targets, unreadable bytes into the decoder.

    A letter is removed once what it asks for is final; one that fails three times, or whose target is suspended, stays
    where it is.  Exit code 1 when any letter stayed.
    """
    settings, selection = load_settings(config), _selection(ids, reason, name, rule, older_than, newer_than)
    names = _places(settings, place)
    if dry_run:
        _foretell(settings, names, selection)
        return

    async def work(redriver: Redriver, places: dict[str, DeadLetterPlace]) -> Counter[Fate]:
        fates: Counter[Fate] = Counter()
        total = sum([await places[one].count() for one in names])
        with counting_bar("redriving", total) as watch:
            for one in names:
                try:
                    fates += await redriver.redrive(places[one], selection, watch)
                finally:
                    await places[one].close()
        return fates

    fates = run_async(lambda: with_redriver(settings, rate, work))
    typer.echo(said(Counter({str(fate): count for fate, count in fates.items()}), "letter(s) redriven"))
    raise typer.Exit(1 if set(fates) - REMOVED else 0)


@application.command("purge")
def purge(  # noqa: PLR0913, PLR0917 - each is an option of the command line
    place: PlaceOption = None,
    ids: IdOption = None,
    reason: ReasonOption = None,
    name: NameOption = None,
    rule: RuleOption = None,
    older_than: OlderOption = None,
    newer_than: NewerOption = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,  # noqa: FBT002
    config: ConfigOption = None,
) -> None:
    """Remove letters for good; asks first, with their number."""
    settings, selection = load_settings(config), _selection(ids, reason, name, rule, older_than, newer_than)

    async def work(places: dict[str, DeadLetterPlace]) -> int:
        handles = {
            one: [kept.handle async for kept in found.letters() if kept.letter and selection.means(kept.letter)]
            for one, found in places.items()
        }
        total = sum(map(len, handles.values()))
        if total and not yes and not typer.confirm(f"Remove {total} letter(s) from {', '.join(places)} for good?"):
            return 0
        removed = 0
        with counting_bar("purging", total) as watch:
            for one, found in handles.items():
                size = await places[one].batch()
                for start in range(0, len(found), size):
                    gone = await places[one].remove(found[start : start + size])
                    removed += gone
                    watch(gone)
        return removed

    typer.echo(f"{_with_places(settings, place, work)} letter(s) removed")


def _foretell(settings: Settings, names: list[str], selection: Selection) -> None:
    targets, rules = [*settings.targets, *settings.actions], list(rules_of(settings).rules)

    async def work(places: dict[str, DeadLetterPlace]) -> Counter[str]:
        found: Counter[str] = Counter()
        for one in places.values():
            found += await foresee(one, selection, targets, rules)
        return found

    typer.echo(said(_with_places(settings, names, work), "letter(s) would be redriven"))


def _with_places(
    settings: Settings, names: list[str] | None, work: Callable[[dict[str, DeadLetterPlace]], Awaitable[T]]
) -> T:
    asked = _places(settings, names)
    if any(settings.dead_letters[name].type == "state" for name in asked):
        require_state(settings)

    async def run() -> T:
        async with open_places(settings, asked) as places:
            return await work(places)

    return run_async(run)


def _places(settings: Settings, names: list[str] | None) -> list[str]:
    """Return the places meant.  Raises ConfigError for one that is not configured."""
    for name in names or ():
        if name not in settings.dead_letters:
            raise ConfigError(f"no dead-letter place is called {name!r}{near_miss(name, settings.dead_letters)}")
    return names or list(settings.dead_letters)


def _selection(
    ids: list[str] | None,
    reasons: list[str] | None,
    names: list[str] | None,
    rules: list[str] | None,
    older_than: str | None,
    newer_than: str | None,
) -> Selection:
    return Selection(
        tuple(ids or ()),
        _known_reasons(reasons or ()),
        frozenset(names or ()),
        frozenset(rules or ()),
        None if older_than is None else time.time() - _seconds(older_than),
        None if newer_than is None else time.time() - _seconds(newer_than),
    )


def _known_reasons(reasons: Iterable[str]) -> frozenset[str]:
    """Return the reasons.  Raises ConfigError for a slip, which must not look as if nothing were parked."""
    known = frozenset(map(str, (*RejectReason, *FailureKind)))
    slips = [
        f"--reason {reason}: no letter has this reason{near_miss(reason, known)}"
        for reason in reasons
        if reason not in known
    ]
    if slips:
        raise ConfigError(*slips)
    return frozenset(reasons)


def _seconds(age: str) -> float:
    found = _AGE.fullmatch(age)
    if found is None:
        raise ConfigError(f"not an age: {age!r}; write 90s, 15m, 2h or 7d")
    return float(int(found[1]) * _SECONDS[found[2]])
