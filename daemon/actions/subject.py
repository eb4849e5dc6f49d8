"""What an event asks an action to act on.

An event is a stranger's word: what is taken out of it is checked by pattern, and never decides about role, document or
URL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeGuard

import msgspec
from pydantic import AfterValidator, BeforeValidator

from daemon.errors import VigildError
from daemon.json_path import MISSING, JsonPath

_ACCOUNT = re.compile(r"[0-9]{12}")
_REGION = re.compile(r"[a-z]{2}(?:-[a-z]+)+-[0-9]")
_MOST_VALUES = 50
_LONGEST_QUOTE = 80


class SubjectError(VigildError):
    """Raised when an event does not name what to act on, or names what cannot be; the intent is refused, with this."""


class Subject(msgspec.Struct, frozen=True):
    """Where to act, and on what."""

    account: str
    """"" where the event names none and none is needed to name the resource: then the daemon's own."""
    region: str
    resources: tuple[str, ...]
    """Names of what is touched: cool-downs, locks, holds and the journal go by them."""
    values: Mapping[str, Any] = {}
    """What the action itself took from the event."""


def _as_tuple(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _check_paths(texts: tuple[str, ...]) -> tuple[str, ...]:
    for text in texts:
        if text.startswith("$"):
            JsonPath(text)
    return texts


FromEvent = Annotated[tuple[str, ...], BeforeValidator(_as_tuple), AfterValidator(_check_paths)]
"""Where a value stands in the event: JSON paths, of which the first that leads somewhere counts; a text that does not
begin with `$` is taken as it is."""


def values_at(event: Mapping[str, Any], paths: FromEvent, pattern: re.Pattern[str], what: str) -> tuple[str, ...]:
    """Return the texts at the first path that leads to any, each matching the whole pattern, without repeats.

    Raises SubjectError where there is none, one is of another form, or there are over 50.
    """
    for path in paths:
        found = JsonPath(path).select(event) if path.startswith("$") else path
        if found is MISSING or found is None or found == []:
            continue
        values = tuple(dict.fromkeys(found)) if isinstance(found, list) and _are_texts(found) else (found,)
        if len(values) > _MOST_VALUES:
            raise SubjectError(f"{what}: over {_MOST_VALUES} in one event")
        return tuple(_checked(value, pattern, what) for value in values)
    raise SubjectError(f"{what}: nothing at {', '.join(paths)}")


def _checked(value: object, pattern: re.Pattern[str], what: str) -> str:
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise SubjectError(f"{what}: {str(value)[:_LONGEST_QUOTE]!r} is none")
    return value


def value_at(event: Mapping[str, Any], paths: FromEvent, pattern: re.Pattern[str], what: str) -> str:
    """Return the one text at the first path that leads to any.  Raises SubjectError, also where there are several."""
    values = values_at(event, paths, pattern, what)
    if len(values) > 1:
        raise SubjectError(f"{what}: {len(values)} in one event, one is expected")
    return values[0]


def optional_value_at(event: Mapping[str, Any], paths: FromEvent, pattern: re.Pattern[str], what: str) -> str | None:
    """As value_at, but None where there is none.  Raises SubjectError where it is of another form."""
    for path in paths:
        found = JsonPath(path).select(event) if path.startswith("$") else path
        if found is not MISSING and found not in (None, "", []):
            return _checked(found, pattern, what)
    return None


def place_of(event: Mapping[str, Any], *, may_be_own: bool = False) -> tuple[str, str]:
    """Return the event's account and region; with `may_be_own`, "" for an account it does not name.

    Raises SubjectError.
    """
    account, region = event.get("account"), event.get("region")
    names_none = may_be_own and account == ""
    if not isinstance(account, str) or not (names_none or _ACCOUNT.fullmatch(account)):
        raise SubjectError("account: the event names none")
    if not isinstance(region, str) or not _REGION.fullmatch(region):
        raise SubjectError("region: the event names none")
    return account, region


def _are_texts(found: list[object]) -> TypeGuard[list[str]]:
    return all(isinstance(value, str) for value in found)
