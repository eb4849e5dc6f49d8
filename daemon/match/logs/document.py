"""A message read as a JSON document, but only the fields that selectors name: the rest is checked and skipped in C.

pattern.py and filterset.py make one Projection for all their patterns; evaluate.py and index.py read through it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any, Final, NoReturn, TypeAlias

import msgspec

from daemon.match.logs.cursor import BLANKS
from daemon.match.logs.syntax import Each, Step
from daemon.struct_types import struct_type

Steps: TypeAlias = tuple[Step, ...]
Document: TypeAlias = Any
"""The root object.  An object that selectors lead through is a struct, all others (as below `.*`) are dicts."""

MISSING: Final = msgspec.UNSET
"""What a selector finds where the document has nothing."""

REFUSALS: Final = (msgspec.DecodeError, UnicodeEncodeError, RecursionError)
_NOT_FOR_STRUCTS = re.compile(r'["\\\x00-\x1f]')
"""Characters that msgspec forbids in the names of a struct's fields."""


@dataclass(slots=True)
class _Node:
    """What selectors want of one place in the document."""

    names: dict[str, _Node] = field(default_factory=dict)
    elements: _Node | None = None
    """What they want of an array's elements, all taken together."""
    whole: bool = False
    """True if they want every field."""


def _wanted(selectors: Iterable[Steps]) -> _Node:
    root = _Node()
    for steps in selectors:
        node = root
        for step in steps:
            if step is Each.FIELD or (isinstance(step, str) and _NOT_FOR_STRUCTS.search(step)):
                node.whole = True
                break
            if isinstance(step, str):
                node = node.names.setdefault(step, _Node())
            else:
                node.elements = node.elements or _Node()
                node = node.elements
    return root


class Projection:
    """Decodes messages as far as some selectors need; reads only for these."""

    def __init__(self, selectors: Iterable[Steps]) -> None:
        root = _wanted(selectors)
        self._attributes: dict[Step, str] = {}
        self._structs: dict[tuple[str, ...], type] = {}
        self._leads_through_dicts = False
        self._type = self._objects(root, ())
        self.decode: Callable[[str], Document] = msgspec.json.Decoder(self._type).decode
        """The quick way, for messages that begin with a brace; raises one of REFUSALS."""

    def _objects(self, node: _Node, way: tuple[str, ...] | None) -> Any:
        """Return the type for an object at this place: a struct of what is wanted, or a dict of everything.

        `way` has the attributes that lead here, None where other steps do.
        """
        if node.whole:
            self._leads_through_dicts = True
            return dict[str, Any]
        for name in node.names:
            self._attributes.setdefault(name, f"f{len(self._attributes)}")
        fields = []
        for name, child in node.names.items():
            attribute = self._attributes[name]
            fields.append((attribute, name, self._anything(child, None if way is None else (*way, attribute))))
        struct = struct_type("Fields", fields)
        if way is not None:
            self._structs[way] = struct
        return struct

    def _anything(self, node: _Node, way: tuple[str, ...] | None) -> Any:
        """Return the type for whatever a message may have at this place."""
        if not (node.names or node.elements or node.whole):
            return Any
        objects = self._objects(node, way) if node.names or node.whole else dict[str, Any]
        arrays: Any = list[self._anything(node.elements, None) if node.elements else Any]  # type: ignore[misc]
        return str | int | float | bool | None | objects | arrays | msgspec.UnsetType

    def view(self, message: str) -> Document | None:
        """Return the object that the whole message spells, None if it is anything else; never raises.

        Of two fields with one name the last counts.  Nested deeper than Python's recursion limit, it is no document.
        """
        if not message.startswith("{") and not message.lstrip(BLANKS).startswith("{"):
            return None
        try:
            return self.decode(message)
        except REFUSALS:
            return self.view_patiently(message)

    def view_patiently(self, message: str) -> Document | None:
        """Read what msgspec refuses although it is JSON: lone surrogates, numbers beyond a double."""
        try:
            plain = json.loads(message, parse_int=_integer, parse_constant=_refuse)
            return msgspec.convert(plain, self._type)
        except (ValueError, RecursionError, msgspec.ValidationError):
            return None

    def attributes(self, steps: Steps) -> list[str] | None:
        """Return the attributes that lead to a selector's value, None if other steps lead there."""
        if self._leads_through_dicts or not all(isinstance(step, str) for step in steps):
            return None
        return [self._attributes[step] for step in steps]

    def struct(self, attributes: tuple[str, ...]) -> type:
        """Return the type of the object that attributes lead to."""
        return self._structs[attributes]

    def reader(self, steps: Steps) -> Callable[[Document], object]:
        """Return a function that picks the one value of a selector that does not fan out, or MISSING."""
        attributes = self.attributes(steps)
        if attributes is not None:
            return _attribute_reader(attributes)
        path = [(step, self._attributes.get(step, "")) for step in steps]

        def read(document: Document) -> object:
            value = document
            for step, attribute in path:
                value = _inner(value, step, attribute)
            return value

        return read

    def all_reader(self, steps: Steps) -> Callable[[Document], list[Any]]:
        """Return a function that lists every value a selector picks from a document; absent ones are left out."""
        path = [(step, self._attributes.get(step, "")) for step in steps]

        def read(document: Document) -> list[Any]:
            values: list[Any] = [document]
            for step, attribute in path:
                if step is Each.FIELD:
                    values = [inner for value in values if isinstance(value, dict) for inner in value.values()]
                elif step is Each.ELEMENT:
                    values = [inner for value in values if isinstance(value, list) for inner in value]
                else:
                    inners = [_inner(value, step, attribute) for value in values]
                    values = [inner for inner in inners if inner is not MISSING]
            return values

        return read


def _attribute_reader(attributes: list[str]) -> Callable[[Document], object]:
    """Return a reader through structs only; a plain value has no such attribute."""
    if len(attributes) == 1:
        return attrgetter(attributes[0])
    outer = _attribute_reader(attributes[:-1])
    last = attributes[-1]
    return lambda document: getattr(outer(document), last, MISSING)


def _inner(value: Any, step: Step, attribute: str) -> Any:
    """Return the field or element of a value, or MISSING; only structs have attributes named so."""
    if isinstance(value, dict):
        return value.get(step, MISSING)
    if isinstance(value, list):
        return value[step] if isinstance(step, int) and step < len(value) else MISSING
    return getattr(value, attribute, MISSING)


def _integer(digits: str) -> int | float:
    """Return what the digits spell, as a double (infinity) where int() refuses to: beyond 4,300 of them."""
    try:
        return int(digits)
    except ValueError:
        return float(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(constant)  # NaN and Infinity are no JSON
