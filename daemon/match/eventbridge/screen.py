"""A first look for small rule sets: decode only the few fields that rule out most events, and only then the rest.

matcher.py puts it before the full program of program.py where one group holds all alternatives.  It pays while most
events match nothing; when more than one in four get through, it stands aside for a while.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from daemon.match.eventbridge.groups import Group, Steps
from daemon.match.eventbridge.program import Access, Match, define
from daemon.match.eventbridge.projection import project

_PATIENCE: Final = 1_000
_PAUSE: Final = 100_000
"""Events that go straight to the full program once too many got through."""

_TEMPLATE: Final = """\
def make(full):
 wasted = 0
 def match(event):
  nonlocal wasted
  if wasted < {patience}:
   try:
    n = decode(event)
{lines}
    if not m:
     if wasted: wasted -= 1
     return []
   except (KeyError, TypeError, ValueError, RecursionError):
    return full(event)
   wasted += 3
   if wasted >= {patience}: wasted = {pause}
  else:
   wasted -= 1
  return full(event)
 return match
match = make(full)
"""


def screened(groups: list[Group], spellings: Mapping[Steps, tuple[str, ...]], full: Match) -> Match:
    """Return a function that asks `full` only about events that a few fields do not rule out; or `full` itself."""
    if len(groups) != 1 or groups[0].combinations is not None:
        return full
    fields = groups[0].decisive_fields()
    if len(fields) == len(groups[0].fields):
        return full
    root = project({steps: spellings[steps] for steps, _ in fields})
    access = Access(root, spellings)
    loaded: set[tuple[str, ...]] = {()}
    lines: list[str] = []
    for place, (steps, _) in enumerate(fields):
        lines += access.load(steps, loaded, "    ")
        lines.append(f"    {'if m: m &' if place else 'm '}= known{place}[{access.read(steps)}]")
    constants = {f"known{place}": table.known for place, (_, table) in enumerate(fields)}
    source = _TEMPLATE.format(lines="\n".join(lines), patience=_PATIENCE, pause=_PAUSE)
    return define(
        source, constants | access.constants | {"decode": msgspec.json.Decoder(root.struct).decode, "full": full}
    )
