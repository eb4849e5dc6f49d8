"""Maintenance windows: alerts that are held back at known times, once or every week.  quiet.py asks."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Annotated, NamedTuple, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AwareDatetime, Field, PrivateAttr, model_validator

from daemon.dispatch.alerts.facts import Alert
from daemon.dispatch.alerts.scope import Scope
from daemon.sinks.event_path import EventPath
from daemon.text_form import TextForm
from daemon.yaml_file import Strict

_WEEK_DAYS = 7
_HOUR_SECONDS = 3_600.0


class Day(StrEnum):
    """A day of the week."""

    MONDAY = "mon"
    TUESDAY = "tue"
    WEDNESDAY = "wed"
    THURSDAY = "thu"
    FRIDAY = "fri"
    SATURDAY = "sat"
    SUNDAY = "sun"


_DAYS = tuple(Day)


class MaintenanceConfig(Strict):
    """Alerts that match all that is given are recorded and not sent while a window is open; when it closes, one note to
    each target says what was held back.  Actions go on.
    """

    why: str = ""
    """For whoever reads the note."""
    start: AwareDatetime | None = None
    """Of a window that opens once, with its offset from UTC: 2026-03-01T22:00:00+01:00; needs `end`."""
    end: AwareDatetime | None = None
    days: tuple[Day, ...] = ()
    """Of a window that opens every week: [sat, sun]; needs `at` and `hours`."""
    at: Annotated[str, TextForm(r"^([01][0-9]|2[0-3]):[0-5][0-9]$", "a time of day", "02:30")] | None = None
    """When it opens on these days: "22:00"."""
    hours: float | None = Field(default=None, gt=0, le=168)
    """How long it is open."""
    timezone: str = "UTC"
    """Whose `days` and `at` are meant: Europe/Berlin."""
    rules: tuple[str, ...] = ()
    """Names, `*` stands for any text; any of them."""
    targets: tuple[str, ...] = ()
    accounts: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    """One of the event's `resources` must match one of them."""
    event: dict[EventPath, str] = Field(default={})
    """What must stand in the event, `*` stands for any text: {"$.detail.tags.team": "storage"}; all of them."""

    _zone: ZoneInfo = PrivateAttr()

    @model_validator(mode="after")
    def _read_zone(self) -> Self:
        try:
            self._zone = ZoneInfo(self.timezone)
        except (OSError, ValueError, ZoneInfoNotFoundError) as error:
            said = f"no time zone is called {self.timezone!r}; expected a name such as Europe/Berlin, or UTC"
            raise ValueError(said) from error
        return self

    @model_validator(mode="after")
    def _is_once_or_weekly(self) -> Self:
        once, weekly = (self.start, self.end), (self.at, self.hours)
        if any(once) and (not all(once) or any(weekly) or self.days):
            raise ValueError("a window has either start and end, or days, at and hours")
        if not any(once) and not (all(part is not None for part in weekly) and self.days):
            raise ValueError("a window needs start and end, or days, at and hours")
        if self.start is not None and self.end is not None and self.end <= self.start:
            raise ValueError("end must be after start")
        return self

    def open_until(self, now: float) -> float | None:
        """Return when a window that is open now closes, in seconds since the epoch; None where none is open."""
        if self.start is not None and self.end is not None:
            return self.end.timestamp() if self.start.timestamp() <= now < self.end.timestamp() else None
        if self.at is None or self.hours is None:
            return None
        today = datetime.fromtimestamp(now, self._zone).date()
        closings = [
            _opens(day, self.at, self._zone) + self.hours * _HOUR_SECONDS
            for day in (today - timedelta(days=past) for past in range(_WEEK_DAYS + 1))
            if _DAYS[day.weekday()] in self.days and _opens(day, self.at, self._zone) <= now
        ]
        # The latest closing: windows that overlap are one.
        latest = max(closings, default=now)
        return latest if latest > now else None

    def scope(self) -> Scope:
        """Return which alerts it holds back."""
        return Scope(self.rules, self.targets, self.accounts, self.regions, self.resources, self.event)


def _opens(day: date, at: str, zone: ZoneInfo) -> float:
    return datetime.combine(day, time.fromisoformat(at), zone).timestamp()


class _Window(NamedTuple):
    name: str
    config: MaintenanceConfig
    scope: Scope


class OpenWindow(NamedTuple):
    """A window that holds an alert back."""

    name: str
    until: float
    why: str


class Maintenance:
    """All configured windows."""

    def __init__(self, configs: Mapping[str, MaintenanceConfig]) -> None:
        self._windows = [_Window(name, config, config.scope()) for name, config in configs.items()]

    def covering(self, alert: Alert, now: float) -> OpenWindow | None:
        """Return an open window that holds the alert back."""
        for name, config, scope in self._windows:
            until = config.open_until(now)
            if until is not None and scope.covers(alert):
                return OpenWindow(name, until, config.why)
        return None
