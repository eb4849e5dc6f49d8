"""Which alerts a silence or a maintenance window holds back."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

import msgspec

from daemon.dispatch.alerts.facts import Alert
from daemon.json_path import JsonPath

FIELDS = ("rule", "target", "account", "region", "resource")


class Scope(msgspec.Struct, frozen=True):
    """Alerts that match all that is given; of several texts for one field, any.  `*` stands for any text."""

    rule: tuple[str, ...] = ()
    target: tuple[str, ...] = ()
    account: tuple[str, ...] = ()
    region: tuple[str, ...] = ()
    resource: tuple[str, ...] = ()
    """Of the event's `resources` one must match."""
    event: dict[str, str] = {}
    """Path into the event to text: {"$.detail.tags.team": "storage"}."""

    def covers(self, alert: Alert) -> bool:
        """Return whether it holds for the alert."""
        return (
            _matches(self.rule, [alert.rule])
            and _matches(self.target, [alert.target])
            and _matches(self.account, [alert.account])
            and _matches(self.region, [alert.region])
            and _matches(self.resource, alert.resources)
            and all(
                fnmatchcase(found, wanted)
                for found, wanted in zip(
                    alert.at([JsonPath(path) for path in self.event]), self.event.values(), strict=True
                )
            )
        )

    def described(self) -> str:
        """Return it in words."""
        said = [f"{field} {' or '.join(getattr(self, field))}" for field in FIELDS if getattr(self, field)]
        said += [f"{path} {text}" for path, text in self.event.items()]
        return ", ".join(said) or "everything"


def _matches(patterns: tuple[str, ...], texts: Iterable[str]) -> bool:
    return not patterns or any(fnmatchcase(text, pattern) for pattern in patterns for text in texts)
