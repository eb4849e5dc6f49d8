"""Reads an event whole: the slower way, for events that do not fit the projected type.

matcher.py comes here with arrays of objects, odd spellings, numbers beyond a double, lone surrogates, and with all that
is no event, for which the reason is found.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

import msgspec
import orjson

from daemon.errors import DecodeError, RejectReason


def read_document(event: bytes) -> dict[str, Any]:
    """Parse an event; of repeated names the last counts.

    Bytes that are not UTF-8 become lone surrogates U+DC80 to U+DCFF, to be found by `undecoded` where a field is
    looked at.  Raises DecodeError.
    """
    try:
        document = msgspec.json.decode(event)
    except RecursionError:
        document = _read_deep(event)
    except ValueError:
        document = _read_odd(event)
    if not isinstance(document, dict):
        raise DecodeError(RejectReason.NOT_AN_OBJECT, "an event must be a JSON object")
    return document


def undecoded(text: str) -> bool:
    """Tell whether a string holds bytes that were not UTF-8."""
    return not text.isascii() and any("\udc80" <= character <= "\udcff" for character in text)


def _read_deep(event: bytes) -> Any:
    """Parse with a limit that does not depend on how deep the caller's own stack is."""
    try:
        return orjson.loads(event)
    except orjson.JSONDecodeError:
        raise DecodeError(RejectReason.TOO_DEEP, "nested too deeply") from None


def _read_odd(event: bytes) -> Any:
    if not event.strip():
        raise DecodeError(RejectReason.EMPTY, "no bytes")
    try:
        return json.loads(event.decode("utf-8", "surrogateescape"), parse_int=_integer, parse_constant=_refuse_constant)
    except RecursionError:
        return _read_deep(event)
    except ValueError as error:
        raise DecodeError(RejectReason.NOT_JSON, _position(error)) from None


def _integer(digits: str) -> float:
    return int(digits) if len(digits) < 400 else float(digits)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON value")


def _position(error: ValueError) -> str:
    return f"not JSON at character {error.pos}" if isinstance(error, json.JSONDecodeError) else "not JSON"
