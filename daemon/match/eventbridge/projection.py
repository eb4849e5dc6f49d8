"""The type that an event's bytes are decoded into: only the fields that rules name, all else is skipped in C.

matcher.py asks for it and program.py generates the code that reads it.  What the type cannot hold without losing
meaning makes decoding fail, and such events are read whole (document.py): arrays of objects on the way to a field,
and names that spell a path with dots in another way than the rules do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, TypeAlias

import msgspec
from msgspec import UnsetType

from daemon.struct_types import struct_type

Steps: TypeAlias = tuple[str, ...]

MAX_FIELDS: Final = 256
MAX_NAMES: Final = 128
"""Names in one object of the type: msgspec compares each name of an event with all of them in turn."""
MAX_STEPS: Final = 16

_UNREPRESENTABLE: Final = re.compile(r'[\x00-\x1f"\\\ud800-\udfff]')
_SCALAR: Final[Any] = str | int | float | bool | None
_SCALARS: Final[Any] = list[_SCALAR]
_NEVER: Final[Any] = Annotated[int, msgspec.Meta(gt=0, lt=0)] | UnsetType
"""No JSON value is of this type."""


_USUAL_ORDER: Final = {
    name: place
    for place, name in enumerate(
        (
            *("version", "id", "detail-type", "source", "account", "time", "region", "resources", "detail"),
            *("eventVersion", "userIdentity", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress"),
            *("userAgent", "errorCode", "errorMessage", "requestParameters", "responseElements", "additionalEventData"),
            *("type", "principalId", "arn", "accountId", "accessKeyId", "userName", "sessionContext", "invokedBy"),
        )
    )
}
"""How AWS orders names: msgspec finds a name fastest right behind the one it found before."""


class UnprojectableError(ValueError):
    """Raised when the fields of a rule set are too many, too deep or oddly named for a type of their own."""


@dataclass(slots=True)
class Node:
    """An object of the event on the way to fields, or a field, or both."""

    steps: Steps = ()
    children: dict[str, Node] = field(default_factory=dict)
    """By the name as rules spell it."""
    attributes: dict[str, str] = field(default_factory=dict)
    """By the same name: the attribute of `struct` that holds it."""
    is_field: bool = False
    struct: type[msgspec.Struct] = msgspec.Struct


def project(spellings: Mapping[Steps, tuple[str, ...]]) -> Node:
    """Return the tree of types for fields, given by their steps and the names that rules spell them with.

    Raises UnprojectableError; then all events have to be read whole.
    """
    if len(spellings) > MAX_FIELDS or any(len(steps) > MAX_STEPS for steps in spellings):
        raise UnprojectableError("too many fields, or too deep")
    root = Node()
    for names in spellings.values():
        node = root
        for name in names:
            if _UNREPRESENTABLE.search(name):
                raise UnprojectableError(f"{name!r} cannot be the name of an attribute")
            node = node.children.setdefault(name, Node((*node.steps, *name.split("."))))
        node.is_field = True
    _define(root, list(spellings))
    return root


def _define(node: Node, fields: list[Steps]) -> None:
    depth = len(node.steps)
    fields = [steps for steps in fields if len(steps) > depth and steps[:depth] == node.steps]
    names = dict.fromkeys(sorted(node.children, key=_usual_place))
    names.update(
        dict.fromkeys(".".join(steps[depth:end]) for steps in fields for end in range(depth + 1, len(steps) + 1))
    )
    if len(names) > MAX_NAMES:
        raise UnprojectableError("too many names in one object")
    attributes = {name: f"f{number}" for number, name in enumerate(names)}
    for child in node.children.values():
        _define(child, fields)
    node.struct = struct_type(
        "Projection", ((attributes[name], name, _type_of(node.children.get(name), fields)) for name in names)
    )
    node.attributes = {name: attributes[name] for name in node.children}


def _usual_place(name: str) -> int:
    return _USUAL_ORDER.get(name, len(_USUAL_ORDER))


def _type_of(node: Node | None, fields: list[Steps]) -> Any:
    if node is None:
        return _NEVER
    if node.is_field:
        return node.struct | _SCALAR | UnsetType | _SCALARS
    if node.steps in fields:  # a field that is read under another spelling
        return node.struct | UnsetType
    return node.struct | _SCALAR | UnsetType
