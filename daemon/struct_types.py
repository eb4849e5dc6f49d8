"""Types that JSON is decoded into, made while the daemon runs: of the fields that rules name.  Each is made once.

match/ and decode/ ask for them.  Rules that are loaded anew mostly name the fields that they named before.  A type is
never freed where the garbage collector is kept from looking (app.py), because it refers to itself; so each reload would
leave some behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TypeAlias

import msgspec

_MOST_KEPT = 512

Fields: TypeAlias = Iterable[tuple[str, str, Any]]
"""Each field's attribute, name in JSON and type; what is not there is UNSET."""


def struct_type(called: str, fields: Fields, base: type[msgspec.Struct] = msgspec.Struct) -> type[msgspec.Struct]:
    """Return the type of these fields: the same for the same ones."""
    return _made(called, tuple(fields), base)


@lru_cache(_MOST_KEPT)
def _made(called: str, fields: Fields, base: type[msgspec.Struct]) -> type[msgspec.Struct]:
    defined = [(attribute, kind, msgspec.field(default=msgspec.UNSET, name=name)) for attribute, name, kind in fields]
    return msgspec.defstruct(called, defined, bases=(base,), gc=False, eq=False)
