"""What the story of the intrusion is made of: one call, when, by whom, and which rules of the starter pack find it.

The acts beside this file are lists of Step; writer.py plants each in the file of its account, region and time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from daemon.sample import ids
from daemon.sample.identities import BROWSER, CLI, Actor, Caller, Role, User, user_identity
from daemon.sample.organisation import ABROAD, Estate, Place
from daemon.sample.record import Call
from daemon.sample.rhythm import SLOT_MINUTES, Rhythm
from daemon.sample.traffic.shape import Json

Calling = Callable[[Estate, Random], Call]


@dataclass(frozen=True, slots=True)
class Step:
    """One planted call."""

    at: str
    """Time of day, "HH:MM:SS"."""
    place: Place
    actor: Actor
    rules: tuple[str, ...]
    """Names of the rules in config/rules that find it, and no others."""
    calling: Calling

    @property
    def slot(self) -> int:
        """The delivery slot that the time falls into, counted from midnight."""
        return (int(self.at[:2]) * 60 + int(self.at[3:5])) // SLOT_MINUTES


@dataclass(frozen=True, slots=True, eq=False)
class Root:
    """The root user of an account, signed in with the password alone."""

    rhythm: Rhythm = Rhythm.STEADY

    def caller(self, estate: Estate, _rng: Random, since: str) -> Caller:
        """See Actor."""
        number = estate.account.number
        session = {"attributes": {"creationDate": since, "mfaAuthenticated": "false"}}
        identity = {"type": "Root", "principalId": number, "arn": estate.account.iam("root"), "accountId": number}
        return Caller({**identity, "sessionContext": session}, f"{ABROAD}66", BROWSER)


@dataclass(frozen=True, slots=True, eq=False)
class Visitor:
    """The intruder at the sign-in page or in the console, as an IAM user."""

    name: str
    rhythm: Rhythm = Rhythm.STEADY

    def caller(self, estate: Estate, rng: Random, since: str) -> Caller:
        """See Actor."""
        session = {"attributes": {"creationDate": since, "mfaAuthenticated": "false"}}
        identity = {**user_identity(estate.account, self.name), "accessKeyId": ids.unique(rng, "ASIA")}
        identity["sessionContext"] = session
        return Caller(identity, f"{ABROAD}66", BROWSER)


LEAKED_KEY = User("backup-uploader", (CLI,), ABROAD, Rhythm.STEADY)
"""The access key of a user who uploads backups, found in a public repository."""
STOLEN_NODE = Role("node", "{instance}", (CLI,), ABROAD, Rhythm.STEADY)
"""Credentials of an instance, taken from its metadata service and used from elsewhere."""
STOLEN_DEPLOY = Role("deploy", "run-{n}", (CLI,), ABROAD, Rhythm.STEADY)
"""The pipelines' role, once its trust policy lets the intruder's account in."""
OPERATOR = Visitor("operator")
ROOT = Root()


def repeat(times: tuple[str, ...], place: Place, actor: Actor, rule: str, calling: Calling) -> tuple[Step, ...]:
    """Return the same kind of call at several times, each found by the same rule."""
    return tuple(Step(at, place, actor, (rule,), calling) for at in times)


def write(service: str, name: str, request: Json | None, response: Json | None = None) -> Calling:
    """Return a writing call that needs nothing of the estate."""
    return lambda _estate, _rng: Call(service, name, request, response, read_only=False)
