"""Plans that wait for a person: asked for once, answered once, lapsed at their deadline.

kernel.py asks; `vigild approve` and `deny`, or the signed link of the alert, answer; answered.py carries answers out.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator
from enum import StrEnum
from pathlib import Path
from typing import Annotated
from urllib.parse import quote

import msgspec
from pydantic import AfterValidator, ConfigDict, HttpUrl, SecretStr, model_validator

from daemon.address import Address
from daemon.clients import Secrets
from daemon.clock import Clock
from daemon.dispatch.remediation.aside import Aside
from daemon.dispatch.remediation.record import Record, Saved
from daemon.dispatch.remediation.result import Ending, Result, recorded
from daemon.errors import VigildError
from daemon.secret_reference import LeastLength
from daemon.state.base import ABSENT, Conflict, Delete, Item, StateStore, Write
from daemon.telemetry.names import StoredKind
from daemon.yaml_file import Strict

_PREFIX = "approval/"
_EVENT_PREFIX = "approval-event/"
_LEAST_SECRET = 32
_KEEP_SECONDS = 30 * 86_400.0
"""How long an answer waits for a daemon that carries it out."""


LinkSecret = Annotated[SecretStr, AfterValidator(LeastLength(_LEAST_SECRET))]


class ApprovalSettings(Strict):
    """How people approve what actions in mode `approve` plan."""

    model_config = ConfigDict(hide_input_in_errors=True)

    secret: LinkSecret | None = None
    """Signs the links in alerts; of 32 characters at least, the same for all replicas.  Without it alerts carry no
    link."""
    secret_file: Path | None = None
    """File that holds the secret, instead of `secret`; read at every use."""
    link_base: HttpUrl | None = None
    """Where people reach the page behind the links, through a proxy that asks who they are; links are this and
    /approvals/…"""
    listen: Address = "127.0.0.1:9465"
    """Where that page answers, if there is a secret; port 0 takes a free one."""

    @model_validator(mode="after")
    def _check_secret(self) -> ApprovalSettings:
        if self.secret is not None and self.secret_file is not None:
            raise ValueError("give secret or secret_file, not both")
        return self

    @property
    def has_links(self) -> bool:
        """Whether alerts carry links, and the page behind them is served."""
        return self.link_base is not None and (self.secret is not None or self.secret_file is not None)


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


class UnknownRequestError(ApprovalError):
    """Raised when there is none under this id."""


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Approval).decode
_decode_raw = msgspec.json.Decoder(msgspec.Raw).decode


def plan_hash(record: Record) -> str:
    """Return what an approval is bound to: the plan and where it acts."""
    return hashlib.sha256(msgspec.json.encode((record.subject, record.plan, record.kind))).hexdigest()


class Approvals:
    """All requests for approval of a state store.  Every verb raises StateError."""

    def __init__(
        self, store: StateStore, clock: Clock, settings: ApprovalSettings, secrets: Secrets, aside: Aside
    ) -> None:
        self._store = store
        self._clock = clock
        self._secrets = secrets
        self._aside = aside
        self._settings = settings

    async def check(self) -> str:
        """Read the secret, for `vigild check`.  Raises EffectError."""
        return "no links" if await self._secret() is None else "links are signed"

    async def ask(self, saved: Saved, event: bytes) -> Result:
        """Put the record's plan up for approval, once; the event is kept for the dead letter that it may need."""
        record = saved.record
        approval = Approval(intent=record.intent, deadline=record.deadline, plan=plan_hash(record))
        # First: a person may answer as soon as the request is there.
        until = approval.deadline + _KEEP_SECONDS
        await self._store.put([Write(_EVENT_PREFIX + approval.intent, event, None, until)])
        await self._store.put([self._write(approval, ABSENT)])
        result = recorded(record, Ending.WAITING)
        return msgspec.structs.replace(result, approve_by=record.deadline, approve_url=await self._link(approval))

    async def answer(self, intent: str, answer: Answer, by: str, token: str | None = None) -> Approval:
        """Take a person's answer; `token` is the link's, None for somebody who may write to the state store anyway.

        Raises ApprovalError where it comes too late, twice, or with a token of another plan.
        """
        approval, version = await self._open(intent, token)
        answered = msgspec.structs.replace(approval, answer=answer, by=by)
        (written,) = await self._store.put([self._write(answered, version)])
        if isinstance(written, Conflict):
            raise ApprovalError(f"{intent}: somebody else has answered just now")
        return answered

    async def find(self, intent: str) -> Approval | None:
        """Return the request about an intent, None where there is none that can be read."""
        (item,) = await self._store.get([_PREFIX + intent])
        return _read(item) if item is not None else None

    async def event(self, intent: str) -> bytes:
        """Return the event that asked, `null` where it is gone or no longer one."""
        (item,) = await self._store.get([_EVENT_PREFIX + intent])
        try:
            return bytes(_decode_raw(item.value)) if item is not None else b"null"
        except msgspec.DecodeError:
            return b"null"

    async def pending(self, intent: str, token: str) -> Approval:
        """Return what a link asks about.  Raises ApprovalError where it can no longer be answered by it."""
        approval, _ = await self._open(intent, token)
        return approval

    async def _open(self, intent: str, token: str | None) -> tuple[Approval, int]:
        (item,) = await self._store.get([_PREFIX + intent])
        approval = _read(item) if item is not None else None
        if token is not None and (approval is None or not await self._is_genuine(approval, token)):
            raise ApprovalError("this link is not genuine, or was used up")
        if item is None or approval is None:
            raise UnknownRequestError(f"{intent}: nothing waits for approval under this id")
        if approval.answer is not Answer.PENDING:
            raise ApprovalError(f"{intent}: {approval.answer} by {approval.by} already")
        if self._clock.now() >= approval.deadline:
            raise ApprovalError(f"{intent}: the time for approval is over")
        return approval, item.version

    async def all(self) -> AsyncIterator[Approval]:
        """Yield all that wait for an answer, or whose answer has not been carried out yet.

        One that cannot be read is set aside and counts as denied: nobody knows any longer what was asked.
        """
        async for item in self._store.scan(_PREFIX):
            approval = _read(item)
            if approval is None:
                approval = _unreadable(item, self._clock.now())
                await self._aside.replace(StoredKind.APPROVAL, item, _encode(approval))
            yield approval

    async def forget(self, intent: str) -> None:
        """Remove what has been carried out."""
        await self._store.delete([Delete(_EVENT_PREFIX + intent, None), Delete(_PREFIX + intent, None)])

    def _write(self, approval: Approval, expect: int) -> Write:
        return Write(_PREFIX + approval.intent, _encode(approval), expect, approval.deadline + _KEEP_SECONDS)

    async def _link(self, approval: Approval) -> str | None:
        token = await self._token(approval)
        base = self._settings.link_base
        return f"{str(base).rstrip('/')}/approvals/{quote(approval.intent)}?token={token}" if token and base else None

    async def _is_genuine(self, approval: Approval, token: str) -> bool:
        genuine = await self._token(approval)
        return genuine is not None and hmac.compare_digest(genuine.encode(), token.encode("utf-8", "replace"))

    async def _token(self, approval: Approval) -> str | None:
        secret = await self._secret()
        if secret is None:
            return None
        text = f"{approval.intent}\x00{approval.deadline!r}\x00{approval.plan}".encode()
        return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()

    async def _secret(self) -> str | None:
        return await self._secrets.read(self._settings.secret, self._settings.secret_file, _LEAST_SECRET)


def _read(item: Item) -> Approval | None:
    """Return the request under a key, None where it is none of ours."""
    try:
        approval = _decode(item.value)
    except msgspec.DecodeError:
        return None
    return approval if item.key == _PREFIX + approval.intent else None


def _unreadable(item: Item, now: float) -> Approval:
    return Approval(
        intent=item.key.removeprefix(_PREFIX),
        deadline=now,
        plan="",
        answer=Answer.DENIED,
        by="vigild, because the request could not be read",
    )
