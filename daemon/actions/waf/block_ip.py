"""Blocks an address in an AWS WAF IP set."""

from __future__ import annotations

import re
from collections.abc import Mapping
from ipaddress import ip_address, ip_network
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from daemon.actions.base import Change, Decline, Declined, Image, Permissions, Plan
from daemon.actions.config import ActionConfig
from daemon.actions.putting import Putting
from daemon.actions.subject import FromEvent, Subject, SubjectError, value_at
from daemon.clients.estate import Reader, Writer
from daemon.errors import FailureKind, PermanentError, RetryableError

_ADDRESS: Final = re.compile(r"[0-9a-fA-F:.]{2,45}")
_ARN: Final = re.compile(
    r"arn:aws[a-z-]*:wafv2:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):(?P<scope>regional|global)/ipset/(?P<name>[\w-]{1,128})/(?P<id>[\w-]{1,36})"
)
_MOST_ADDRESSES: Final = 10_000
"""Of one IP set (AWS WAF quotas)."""


def _check_arn(text: str) -> str:
    if not _ARN.fullmatch(text):
        raise ValueError("not the ARN of an IP set: arn:aws:wafv2:<region>:<account>:regional/ipset/<name>/<id>")
    return text


IpSetArn = Annotated[str, AfterValidator(_check_arn)]


def _check_network(text: str) -> str:
    return str(ip_network(text))


Network = Annotated[str, AfterValidator(_check_network)]
"""An address or a CIDR block, in any of its spellings; bits beyond its prefix are refused, they are a slip."""


class BlockIpConfig(ActionConfig):
    """Adds the client's address to an IP set that a rule of a web ACL blocks."""

    type: Literal["waf.block-ip"]
    ip_set_arn: IpSetArn
    """The IP set, of IPv4 or IPv6 addresses; an event never chooses it.  `undo_after_seconds` unblocks."""
    address: FromEvent = ("$.detail.httpRequest.clientIp", "$.detail.clientIp", "$.detail.sourceIPAddress")
    """Where the event names the client's address."""
    never: frozenset[Network] = frozenset()
    """Addresses and CIDR blocks that are never blocked: offices, health checks, partners."""
    undo_after_seconds: float | None = Field(default=3_600.0, ge=60, le=365 * 86_400)
    """How long the address stays blocked; null: until a person undoes it."""


class BlockIp(Putting[BlockIpConfig]):
    """One address more in the set, under WAF's optimistic lock; the other addresses stay.  Undo takes it out again."""

    permissions: ClassVar = Permissions(
        read=("wafv2:GetIPSet",),
        write=("wafv2:UpdateIPSet",),
        undo=("wafv2:UpdateIPSet",),
        resources=("arn:aws:wafv2:{region}:{account}:*/ipset/*",),
    )

    @property
    def acts_on(self) -> tuple[str, ...]:
        """See Action: the one set."""
        return (self.config.ip_set_arn,)

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        place = _ARN.fullmatch(self.config.ip_set_arn)
        text = value_at(event, self.config.address, _ADDRESS, "address")
        try:
            address = ip_address(text)
        except ValueError as error:
            raise SubjectError(f"address: {text!r} is none") from error
        if place is None or not address.is_global:
            raise SubjectError(f"address: {text!r} is none of the internet")
        block = f"{address}/{address.max_prefixlen}"
        return Subject(place["account"], place["region"], (block,), {"block": block})

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: whether the address is in the set."""
        answer = await api.find("wafv2", "get_ip_set", _MISSING, **self._set())
        if answer is None:
            return None
        return {"blocked": _holds(answer, subject.values["block"])}

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        block = subject.values["block"]
        if any(_contains(network, block) for network in self.config.never):
            return Declined(Decline.PROTECTED, "the address is never blocked")
        if image["blocked"]:
            return Declined(Decline.ALREADY_RIGHT, "the address is blocked")
        change = Change(self.config.ip_set_arn, "address", None, block)
        return Plan(summary=f"block {block}", changes=(change,), before=image, after={"blocked": True})

    def _set(self) -> dict[str, Any]:
        place = _ARN.fullmatch(self.config.ip_set_arn)
        if place is None:
            raise PermanentError(FailureKind.BUG, "ip_set_arn was not checked")
        scope = "CLOUDFRONT" if place["scope"] == "global" else "REGIONAL"
        return {"Name": place["name"], "Id": place["id"], "Scope": scope}

    async def put(self, subject: Subject, image: Image, api: Writer) -> None:
        """Change the set as it is now; who changed it in between makes the call fail, and it is tried again."""
        block = subject.values["block"]
        answer = await api.read("wafv2", "get_ip_set", **self._set())
        addresses = {str(ip_network(each, strict=False)) for each in answer["IPSet"]["Addresses"]}
        changed = addresses | {block} if image["blocked"] else addresses - {block}
        if len(changed) > _MOST_ADDRESSES:
            raise PermanentError(FailureKind.REFUSED, f"the IP set is full: {len(addresses)} addresses")
        try:
            await api.write(
                "wafv2", "update_ip_set", **self._set(), Addresses=sorted(changed), LockToken=answer["LockToken"]
            )
        except PermanentError as error:
            if error.code == "WAFOptimisticLockException":
                raise RetryableError(FailureKind.THROTTLED, "somebody else has changed the IP set") from error
            raise


def _holds(answer: Mapping[str, Any], block: str) -> bool:
    """Return whether the block is one of the set's own, which may spell it in another way."""
    wanted = ip_network(block)
    return any(ip_network(each, strict=False) == wanted for each in answer["IPSet"]["Addresses"])


def _contains(network: str, block: str) -> bool:
    outer, inner = ip_network(network), ip_network(block)
    return outer.version == inner.version and inner.network_address in outer


_MISSING: Final = frozenset({"WAFNonexistentItemException"})
