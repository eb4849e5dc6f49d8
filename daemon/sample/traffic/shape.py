"""What a table of benign traffic is made of: how often a call happens, who makes it, what it carries.

The other files of this folder fill tables of Shape; day.py draws from them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, NamedTuple

from daemon.sample.identities import Actor
from daemon.sample.organisation import Estate
from daemon.sample.record import API_CALL, Call

Json = dict[str, Any]


class Carries(NamedTuple):
    """What differs from call to call of one shape; see Call."""

    request: Json | None = None
    response: Json | None = None
    additional: Json | None = None
    resources: list[dict[str, str]] | None = None


class Failure(NamedTuple):
    """How a call can fail, and how often out of one."""

    rate: float
    code: str
    message: str


Carrying = Callable[[Estate, Random], Carries]


def nothing(_estate: Estate, _rng: Random) -> Carries:
    """Carry nothing, as calls without parameters do."""
    return Carries()


@dataclass(frozen=True, slots=True)
class Shape:
    """One kind of call."""

    weight: float
    """How many out of a thousand calls of a busy hour are of this kind."""
    service: str
    name: str
    actors: Sequence[Actor]
    carries: Carrying = nothing
    read_only: bool = True
    failure: Failure | None = None
    everywhere: bool = True
    """False for services that record in us-east-1 only."""
    kind: str = API_CALL
    shared: bool = False

    def call(self, estate: Estate, rng: Random) -> Call:
        """Return one call of this kind."""
        request, response, additional, resources = self.carries(estate, rng)
        failed = self.failure is not None and rng.random() < self.failure.rate
        return Call(
            self.service,
            self.name,
            request,
            response,
            additional,
            resources,
            read_only=self.read_only,
            error=(self.failure.code, self.failure.message) if failed and self.failure is not None else None,
            kind=self.kind,
            shared=self.shared,
        )


def items(name: str, *values: str) -> Json:
    """Return a list in the form CloudTrail gives those of EC2: {"items": [{name: value}, ...]}."""
    return {"items": [{name: value} for value in values]}


def filters(**wanted: str) -> Json:
    """Return a filter set of EC2; an underscore in a name stands for its dash."""
    return {
        "items": [
            {"name": name.replace("_", "-"), "valueSet": {"items": [{"value": value}]}}
            for name, value in wanted.items()
        ]
    }


def tags(**pairs: str) -> list[dict[str, str]]:
    """Return a list of tags."""
    return [{"key": key, "value": value} for key, value in pairs.items()]
