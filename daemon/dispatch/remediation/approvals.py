"""Plans that wait for a person: asked for once, answered once, lapsed at their deadline.

kernel.py asks; `vigild approve` and `deny`, or the signed link of the alert, answer; answered.py carries answers out.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from enum import StrEnum
from urllib.parse import quote

import msgspec
from pydantic import Field, HttpUrl, SecretStr

from daemon.clock import Clock
from daemon.dispatch.remediation.record import Record, Saved
from daemon.dispatch.remediation.result import Ending, Result, recorded
from daemon.errors import VigildError
from daemon.state.base import ABSENT, Conflict, Delete, StateStore, Write
from daemon.yaml_file import Strict

_PREFIX = "approval/"
_KEEP_SECONDS = 30 * 86_400.0
"""How long an answer waits for a daemon that carries it out."""


class ApprovalSettings(Strict):
    """How people approve what actions in mode `approve` plan."""

    secret: SecretStr | None = Field(default=None, min_length=32)
    """Signs the links in alerts; the same for all replicas.  Without it alerts carry no link."""
    link_base: HttpUrl | None = None
    """Where the daemon's endpoints are reached from outside; links are this and /approvals/…"""


class Answer(StrEnum):
    """Where a request for approval stands."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """One request for approval."""

    intent: str
    deadline: float
    """Seconds since the epoch."""
    plan: str
    """SHA-256 of the plan that is asked about: what a person approves is this and nothing else."""
    answer: Answer = Answer.PENDING
    by: str = ""


class ApprovalError(VigildError):
    """Raised when an answer cannot be taken: unknown, too late, answered already, altered."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Approval).decode


def plan_hash(record: Record) -> str:
    """Return what an approval is bound to: the plan and where it acts."""
    return hashlib.sha256(msgspec.json.encode((record.subject, record.plan, record.kind))).hexdigest()


class Approvals:
    """All requests for approval of a state store.  Every verb raises StateError."""

    def __init__(self, store: StateStore, clock: Clock, settings: ApprovalSettings) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings

    async def ask(self, saved: Saved) -> Result:
        """Put the record's plan up for approval, once."""
        record = saved.record
        approval = Approval(intent=record.intent, deadline=record.deadline, plan=plan_hash(record))
        await self._store.put([self._write(approval, ABSENT)])
        result = recorded(record, Ending.WAITING)
        return msgspec.structs.replace(result, approve_by=record.deadline, approve_url=self._link(approval))

    async def answer(self, intent: str, answer: Answer, by: str, token: str | None = None) -> Approval:
        """Take a person's answer; `token` is the link's, None for somebody who may write to the state store anyway.

        Raises ApprovalError where it comes too late, twice, or with a token of another plan.
        """
        (item,) = await self._store.get([_PREFIX + intent])
        if item is None:
            raise ApprovalError(f"{intent}: nothing waits for approval under this id")
        approval = _decode(item.value)
        if token is not None and not self._is_genuine(approval, token):
            raise ApprovalError("this link is not genuine")
        if approval.answer is not Answer.PENDING:
            raise ApprovalError(f"{intent}: {approval.answer} by {approval.by} already")
        if self._clock.now() >= approval.deadline:
            raise ApprovalError(f"{intent}: the time for approval is over")
        answered = msgspec.structs.replace(approval, answer=answer, by=by)
        (written,) = await self._store.put([self._write(answered, item.version)])
        if isinstance(written, Conflict):
            raise ApprovalError(f"{intent}: somebody else has answered just now")
        return answered

    async def all(self) -> AsyncIterator[Approval]:
        """Yield all that wait for an answer, or whose answer has not been carried out yet."""
        async for item in self._store.scan(_PREFIX):
            yield _decode(item.value)

    async def forget(self, intent: str) -> None:
        """Remove what has been carried out."""
        await self._store.delete([Delete(_PREFIX + intent, None)])

    def _write(self, approval: Approval, expect: int) -> Write:
        return Write(_PREFIX + approval.intent, _encode(approval), expect, approval.deadline + _KEEP_SECONDS)

    def _link(self, approval: Approval) -> str | None:
        token = self._token(approval)
        base = self._settings.link_base
        return f"{str(base).rstrip('/')}/approvals/{quote(approval.intent)}?token={token}" if token and base else None

    def _is_genuine(self, approval: Approval, token: str) -> bool:
        genuine = self._token(approval)
        return genuine is not None and hmac.compare_digest(genuine.encode(), token.encode("utf-8", "replace"))

    def _token(self, approval: Approval) -> str | None:
        if self._settings.secret is None:
            return None
        text = f"{approval.intent}\x00{approval.deadline!r}\x00{approval.plan}".encode()
        return hmac.new(self._settings.secret.get_secret_value().encode(), text, hashlib.sha256).hexdigest()
