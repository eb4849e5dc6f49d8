"""What a person asks first about an alert: what was done, by whom, from where, on what, and did it succeed.

Every sink that writes to people takes it from here, so that a line on a terminal, a chat message, a mail and a page say
the same.  CloudTrail's fields come first, then those that AWS's other events share.  Events are written by strangers:
anything may be missing or of another type, nothing here is markup, and no text can end a line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import msgspec

from daemon.event import Event
from daemon.sinks.base import Notice
from daemon.sinks.text import place, printable

_LONGEST = 300
"""Characters of one fact."""
_MOST_NAMED = 3
_MOST_LOOKED_AT = 200
"""Fields of a request in which names are looked for."""
_DEEPEST = 5
_OWN = "vigild:"
"""Begins the identity of an event of our own; no source gives an event such a one (dedupe/identity.py)."""
_NAMES = re.compile(r"(?:id|ids|name|arn|identifier|cidrip|cidripv6|publicip)$", re.IGNORECASE)
_NO_NAMES = re.compile(r"account|token|filter|version|context|request-?id|event-?id|principal", re.IGNORECASE)
_WHO = ("arn", "userName", "invokedBy", "principalId", "accountId", "type")
_SAYS = (
    ("title",),
    ("findings", "Title"),
    ("state",),
    ("state", "value"),
    ("newEvaluationResult", "complianceType"),
    ("eventTypeCode",),
    ("message",),
)
"""Where events that are no API calls say what is the matter: GuardDuty and Inspector, Security Hub, EC2, CloudWatch,
Config, Health, log events."""

_decode = msgspec.json.Decoder().decode


class Facts(NamedTuple):
    """Each empty where the event does not say it."""

    what: str = ""
    who: str = ""
    source: str = ""
    """The address it came from."""
    on: str = ""
    outcome: str = ""
    """The error of a call that failed; else what the event says of itself."""
    account: str = ""
    region: str = ""
    when: str = ""
    answer: str = ""
    """How to answer a question of ours: a plan that waits for approval."""
    is_example: bool = False
    """Whether it is one of several alerts."""

    def line(self) -> str:
        """Return them as a phrase: "StopLogging (cloudtrail) by arn:… from 203.0.113.7 on name=main: AccessDenied"."""
        said = [self.what, f"by {self.who}" if self.who else "", f"from {self.source}" if self.source else ""]
        said.append(f"on {self.on}" if self.on else "")
        phrase = " ".join(part for part in said if part)
        phrase = ": ".join(part for part in (phrase, self.outcome) if part)
        phrase = "; ".join(part for part in (phrase, self.answer) if part)
        return f"e.g. {phrase}" if self.is_example and phrase else phrase

    def named(self) -> list[tuple[str, str]]:
        """Return those there are with their names, for a table."""
        table = (
            ("What", f"e.g. {self.what}" if self.is_example and self.what else self.what),
            ("Outcome", self.outcome),
            ("Answer", self.answer),
            ("Who", self.who),
            ("From", self.source),
            ("On", self.on),
            ("Where", f"{self.account}/{self.region}" if self.account or self.region else ""),
            ("When", self.when),
        )
        return [(name, value) for name, value in table if value]


def facts_of(notice: Notice) -> Facts:
    """Return what the notice's event says; never raises for what an event holds."""
    try:
        event = _table(_decode(notice.event.body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        account, _, region = place(notice.event).partition("/")
        return Facts(account=account, region=region, when=_text(notice.event.time))
    detail = _table(event.get("detail"))
    found = _of_ours(event, detail) if _is_ours(notice.event, event) else _of_event(event, detail)
    found = found._replace(
        account=_text(event.get("account")),
        region=_text(event.get("region")),
        when=_text(event.get("time")) or _text(notice.event.time),
    )
    group = _table(event.get("vigild-group")) if notice.incident is not None else {}
    if not isinstance(count := group.get("count"), int) or count <= 1:
        return found
    several, total = _texts(group.get("named-resources")), group.get("resources")
    on = _listed(several, total if isinstance(total, int) else len(several)) or found.on
    return found._replace(on=on, is_example=True)


def _is_ours(event: Event, body: dict[str, Any]) -> bool:
    return event.identity.startswith(_OWN) and body.get("source") == "vigild"


def _of_ours(event: dict[str, Any], detail: dict[str, Any]) -> Facts:
    action, ending = _text(detail.get("action")), _text(detail.get("ending")).replace("_", " ")
    if not action:
        return _of_event(event, detail)
    said = [_text(detail.get(name)) for name in ("reason", "message", "summary")]
    link, intent = _text(detail.get("approve-url")), _text(detail.get("intent"))
    ask = f"vigild approve {intent}" + (f", or {link}" if link else "") if detail.get("ending") == "waiting" else ""
    return Facts(
        what=f"{action} ({_text(detail.get('type'))}, {_text(detail.get('mode'))}) {ending}",
        who=_text(detail.get("by")),
        on=_listed(_texts(event.get("resources"))),
        outcome=", ".join(part for part in said if part),
        answer=ask,
    )


def _of_event(event: dict[str, Any], detail: dict[str, Any]) -> Facts:
    call, service = _text(detail.get("eventName")), _text(detail.get("eventSource")).removesuffix(".amazonaws.com")
    errors = [_text(detail.get(name)) for name in ("errorCode", "errorMessage")] if call else []
    says = next(filter(None, (_at(detail, path) for path in _SAYS)), "") if not call else _login(detail)
    return Facts(
        what=f"{call} ({service})" if call and service else call or _text(event.get("detail-type")),
        who=_who(detail.get("userIdentity")),
        source=_text(detail.get("sourceIPAddress")),
        on=_on(event, detail),
        outcome=": ".join(error for error in errors if error) or says,
    )


def _who(identity: object) -> str:
    known = _table(identity)
    return next(filter(None, (_text(known.get(name)) for name in _WHO)), "")


def _login(detail: dict[str, Any]) -> str:
    """Return how a login to the console ended: CloudTrail says it where nothing else does."""
    return _text(_table(detail.get("responseElements")).get("ConsoleLogin"))


def _on(event: dict[str, Any], detail: dict[str, Any]) -> str:
    """Return what it is about: the resources listed, else what a call's request, or the detail itself, names."""
    listed = _texts(event.get("resources")) or _texts(
        [_table(each).get("ARN") for each in _list(detail.get("resources"))]
    )
    if listed:
        return _listed(listed)
    request = detail.get("requestParameters") if "eventName" in detail else detail
    return _listed(list(islice(_names(request), _MOST_NAMED + 1)), None)


def _names(request: object) -> Iterator[str]:
    """Yield name=value of fields that name things, outermost first."""
    looked_at, level = 0, [("", request)]
    for _ in range(_DEEPEST):
        below: list[tuple[str, object]] = []
        for name, value in level:
            fields: Iterable[tuple[str, object]] = value.items() if isinstance(value, dict) else ()
            if isinstance(value, list):
                fields = [(name, each) for each in value]
            for field, inner in fields:
                looked_at += 1
                if looked_at > _MOST_LOOKED_AT:
                    return
                if _NO_NAMES.search(field):
                    continue
                if isinstance(inner, str) and inner and _NAMES.search(field):
                    yield f"{_text(field)}={_text(inner)}"
                elif isinstance(inner, dict | list):
                    below.append((field, inner))
        level = below


def _listed(texts: list[str], total: int | None = 0) -> str:
    """Return the first few, and how many more there are; None: more than are told, nobody knows how many."""
    shown = ", ".join(texts[:_MOST_NAMED])
    if total is None:
        return f"{shown}, …" if len(texts) > _MOST_NAMED else shown
    more = max(len(texts), total) - _MOST_NAMED
    return f"{shown} and {more} more" if more > 0 and shown else shown


def _at(detail: dict[str, Any], path: tuple[str, ...]) -> str:
    found: object = detail
    for name in path:
        if isinstance(found, list):
            found = found[0] if found else None
        found = _table(found).get(name)
    return _text(found)


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value[:_MOST_LOOKED_AT] if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [text for text in map(_text, _list(value)) if text]


def _text(value: object) -> str:
    if not isinstance(value, str):
        return ""
    return printable(value if len(value) <= _LONGEST else value[: _LONGEST - 1] + "…")
