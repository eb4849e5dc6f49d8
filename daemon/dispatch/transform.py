"""EventBridge's input transformer: fills a template with values of the event.  Pure; notices.py is the caller.

After "Amazon EventBridge input transformation" in the EventBridge user guide, InputTransformer in its API reference,
and what PutTargets and SQS targets were seen to do:

- A template that is JSON once its placeholders are filled gives minified JSON.  `<name>` as a value becomes the JSON
  of what was found, strings with quotes; inside quotes it becomes text, objects and arrays without their quotes.
  Several lines that are each a string in quotes give those lines.  A template without quotes around it gives text.
- Where the path finds nothing, an empty string takes the place.
- An unknown placeholder, one as an object's key, and a whole event inside a string are refused.

Where EventBridge inserts values into strings as they are, here they are escaped: an event cannot end a string, add
a field or a line.  `<aws.events.rule-arn>` names the rule as if it stood in the event's account and region.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, NoReturn, Self

import orjson
from pydantic import ConfigDict, Field, model_validator

from daemon.errors import FailureKind, PermanentError
from daemon.event import Event
from daemon.json_path import MISSING, JsonPath
from daemon.sinks.text import JSON, PLAIN_TEXT, printable
from daemon.text_form import TextForm
from daemon.yaml_file import Strict

_LARGEST_OUTPUT_CHARACTERS = 1_048_576
"""What the largest target (SQS) takes; a template that repeats a placeholder could multiply an event without it."""

_RESERVED = "aws.events."
_EVENT = "aws.events.event"
_EVENT_JSON = "aws.events.event.json"
_RULE_ARN = "aws.events.rule-arn"
_RULE_NAME = "aws.events.rule-name"
_INGESTION_TIME = "aws.events.event.ingestion-time"
_PREDEFINED = frozenset({_EVENT, _EVENT_JSON, _RULE_ARN, _RULE_NAME, _INGESTION_TIME})

_PLACEHOLDER = re.compile(r"<([A-Za-z0-9_.-]+)>")
_RUN = re.compile(r'\\.|"|[ \t\r\n]+|[^\\" \t\r\n]+|\\', re.DOTALL)
_MARK = "\ue000"
"""Stands for a value while the template is tried out; private use, so no event or template means anything by it."""

Name = Annotated[str, TextForm(r"^[A-Za-z0-9_-]{1,256}$", "at most 256 letters, digits, _ and -", "instance")]


class _Json(str):
    """Text that is JSON already."""

    __slots__ = ()


class _Slot(NamedTuple):
    """A place in the template: whose value, and how it is written there."""

    name: str
    written: Callable[[object], str]


class InputTransformer:
    """A compiled template with its paths; raises ValueError where EventBridge would refuse it or fail to use it."""

    def __init__(self, paths: Mapping[str, str], template: str) -> None:
        self._paths = {name: JsonPath(path) for name, path in paths.items()}
        pieces = _PLACEHOLDER.split(template)
        for name in pieces[1::2]:
            if name not in self._paths and name not in _PREDEFINED:
                raise ValueError(f"InputTemplate contains invalid placeholder {name}")
        parts = _compile(pieces, minify=True)
        self.content_type = JSON
        fault = _fault(_tried_out(parts))
        if fault is not None:
            parts = _compile(pieces, minify=False)
            self.content_type = PLAIN_TEXT
            if not all(_is_string(line.strip()) for line in _tried_out(parts).split("\n") if line.strip()):
                if template.lstrip()[:1] in {"{", "[", '"'}:
                    raise ValueError(f"InputTemplate is not JSON: {fault}")
                parts = [piece if place % 2 == 0 else _Slot(piece, _plain) for place, piece in enumerate(pieces)]
        self._parts = parts
        self._slots = {part for part in parts if isinstance(part, _Slot)}
        for slot in self._slots:
            if slot.name in {_EVENT, _EVENT_JSON} and slot.written is not _value:
                raise ValueError(f"InputTemplate: {slot.name} can only be the value of a JSON field")

    def render(self, event: Event, rule: str, received_at: float) -> bytes:
        """Return the filled template; `content_type` says what it is, `received_at` is in seconds since the epoch.

        Raises PermanentError for an event that cannot be parsed whole, and for a result of more than 1 MiB.
        """
        try:
            values = self._values(event, rule, received_at)
            texts = {slot: slot.written(values[slot.name]) for slot in self._slots}
        except (ValueError, RecursionError) as error:
            raise PermanentError(FailureKind.REFUSED, "the event is malformed where no rule looks") from error
        size = sum(len(part) if isinstance(part, str) else len(texts[part]) for part in self._parts)
        if size > _LARGEST_OUTPUT_CHARACTERS:
            raise PermanentError(FailureKind.REFUSED, f"the filled template has {size} characters")
        return "".join(part if isinstance(part, str) else texts[part] for part in self._parts).encode()

    def _values(self, event: Event, rule: str, received_at: float) -> dict[str, object]:
        document, raw = _parsed(event)
        values: dict[str, object] = {name: path.select(document) for name, path in self._paths.items()}
        values[_EVENT] = {name: value for name, value in document.items() if name != "detail"}
        values[_EVENT_JSON] = raw
        values[_RULE_NAME] = rule
        values[_RULE_ARN] = _rule_arn(document, rule)
        values[_INGESTION_TIME] = datetime.fromtimestamp(received_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        return values


class InputTransformerConfig(Strict):
    """InputTransformer as in PutTargets and CloudFormation; the keys may be written input_paths_map, input_template."""

    model_config = ConfigDict(populate_by_name=True)

    input_paths_map: dict[Name, str] = Field(default_factory=dict, alias="InputPathsMap", max_length=100)
    """Name to JSON path: {"instance": "$.detail.instance-id"}."""
    input_template: str = Field(alias="InputTemplate", min_length=1, max_length=8192)
    """Text or JSON with <name> where a value goes."""

    @model_validator(mode="after")
    def _compiles(self) -> Self:
        self.compile()
        return self

    def compile(self) -> InputTransformer:
        """Return the transformer."""
        return InputTransformer(self.input_paths_map, self.input_template)


def _compile(pieces: list[str], *, minify: bool) -> list[str | _Slot]:
    """Return the template's literal texts and slots; white space between JSON tokens goes where `minify` is set."""
    parts: list[str | _Slot] = []
    quoted = False
    for place, piece in enumerate(pieces):
        if place % 2:
            parts.append(_Slot(piece, _inside_quotes if quoted else _value))
            continue
        kept: list[str] = []
        for run in _RUN.findall(piece):
            if run == '"':
                quoted = not quoted
            if quoted or not minify or not run.isspace():
                kept.append(run)
        parts.append("".join(kept))
    return parts


def _tried_out(parts: list[str | _Slot]) -> str:
    marks: dict[Callable[[object], str], str] = {_value: f'"{_MARK}"', _inside_quotes: _MARK}
    return "".join(part if isinstance(part, str) else marks[part.written] for part in parts)


def _fault(text: str) -> str | None:
    """Return why the text is no JSON, None where it is.  Raises ValueError for a placeholder used as a key."""
    try:
        json.loads(text, object_pairs_hook=_refuse_marked_keys, parse_constant=_refuse_constant)
    except json.JSONDecodeError as error:
        return f"{error.msg} after {text[max(error.pos - 20, 0) : error.pos].replace(_MARK, '<...>')!r}"
    except RecursionError:
        return "nested too deep"
    return None


def _is_string(text: str) -> bool:
    return text.startswith('"') and _fault(text) is None


def _refuse_marked_keys(pairs: list[tuple[str, Any]]) -> None:
    for key, _ in pairs:
        if _MARK in key:
            raise ValueError("InputTemplate: a placeholder cannot be used as an object key")


def _refuse_constant(name: str) -> NoReturn:
    raise json.JSONDecodeError(f"{name} is no JSON", name, 0)


def _parsed(event: Event) -> tuple[dict[str, Any], object]:
    """Return the event as an object and, where nothing in it needs mending, as the JSON text it is."""
    try:
        return event.document(), _Json(event.body.decode())
    except orjson.JSONDecodeError:
        # What orjson refuses and others let pass: halves of surrogate pairs, bytes that are not UTF-8.
        document = json.loads(event.body.decode(errors="replace"), parse_constant=_refuse_constant)
        return document, document


def _rule_arn(document: Mapping[str, object], rule: str) -> str:
    region, account = str(document.get("region", "")), str(document.get("account", ""))
    partition = {"cn": "aws-cn", "us-gov": "aws-us-gov"}.get(region.rsplit("-", 2)[0], "aws")
    return f"arn:{partition}:events:{region}:{account}:rule/{rule}"


def _value(value: object) -> str:
    if value is MISSING:
        return '""'
    return value if isinstance(value, _Json) else _dumped(value)


def _inside_quotes(value: object) -> str:
    text = _unquoted(value)
    return _dumped(text)[1:-1]


def _plain(value: object) -> str:
    return printable(_unquoted(value))


def _unquoted(value: object) -> str:
    if value is MISSING:
        return ""
    return value if isinstance(value, str) else _dumped(value).replace('"', "")


def _dumped(value: object) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:
        # Halves of surrogate pairs, integers over 64 bits, more than 254 levels.
        return json.dumps(value, separators=(",", ":"))
