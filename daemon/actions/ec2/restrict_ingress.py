"""Closes what a security group leaves open to everybody: only the offending port and block, nothing else."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from daemon.actions.base import Action, Change, Decline, Declined, Image, Permissions, Plan, Redo
from daemon.actions.config import ActionConfig
from daemon.actions.ec2.instances import tags_by
from daemon.actions.subject import FromEvent, Subject, place_of, values_at
from daemon.clients.estate import Reader, Writer

_GROUP_ID: Final = re.compile(r"sg-[0-9a-f]{8,17}")
_KINDS: Final = (("IpRanges", "CidrIp"), ("Ipv6Ranges", "CidrIpv6"))
"""How EC2 lists blocks of either family."""


def _check_block(text: str) -> str:
    return str(ip_network(text))


Cidr = Annotated[str, AfterValidator(_check_block)]
"""A block of addresses, IPv4 or IPv6, without host bits."""


class RestrictIngressConfig(ActionConfig):
    """Takes the offending blocks off one port; may put allowed blocks in their place."""

    reads_tags: ClassVar = True
    type: Literal["ec2.restrict-ingress"]
    group_ids: FromEvent = (
        "$.detail.requestParameters.groupId",
        "$.detail.resourceId",
        "$.detail.configurationItem.resourceId",
        "$.detail.resource.resourceId",
    )
    """Where the event names the security group: CloudTrail, AWS Config's two shapes."""
    port: int = Field(ge=0, le=65_535)
    """The port that must not be open."""
    protocol: Literal["tcp", "udp"] = "tcp"
    offending: frozenset[Cidr] = frozenset({"0.0.0.0/0", "::/0"})
    """The blocks that must not reach the port."""
    allowed: frozenset[Cidr] = frozenset()
    """What may reach it instead; empty: the offending blocks are only removed."""


class RestrictIngress(Action[RestrictIngressConfig]):
    """Offending blocks no longer reach the port.  A range of ports is split, so that its other ports stay open; a rule
    for all traffic loses the block.  Groups that reference groups, prefix lists and all other rules stay.  Undo puts
    the very rules back.
    """

    redo: ClassVar = Redo.LOOK
    permissions: ClassVar = Permissions(
        read=("ec2:DescribeSecurityGroups",),
        write=("ec2:RevokeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupIngress"),
        undo=("ec2:RevokeSecurityGroupIngress", "ec2:AuthorizeSecurityGroupIngress"),
        resources=("arn:aws:ec2:{region}:{account}:security-group/*",),
    )
    undoable: ClassVar = True

    def subject(self, event: Mapping[str, Any]) -> Subject:
        """See Action."""
        account, region = place_of(event)
        return Subject(account, region, values_at(event, self.config.group_ids, _GROUP_ID, "security group"))

    async def look(self, subject: Subject, api: Reader) -> Image | None:
        """See Action: every ingress rule that names blocks, one entry a block, in a settled order."""
        found = await api.pages(
            "ec2",
            "describe_security_groups",
            "SecurityGroups",
            Filters=[{"Name": "group-id", "Values": list(subject.resources)}],
        )
        groups = {each["GroupId"]: each for each in found if each["GroupId"] in subject.resources}
        if not groups:
            return None
        rules = [rule for name in sorted(groups) for rule in _rules_of(groups[name])]
        return {"rules": sorted(rules, key=str), "tags": tags_by("GroupId", groups.values())}

    def decide(self, subject: Subject, image: Image) -> Plan | Declined:
        """See Action."""
        del subject
        offending = [rule for rule in image["rules"] if self._offends(rule)]
        if not offending:
            return Declined(Decline.ALREADY_RIGHT, f"{self.config.protocol}/{self.config.port} is not open to them")
        granted = [*_remainders(offending, self.config.port), *self._instead(offending, image["rules"])]
        kept = [rule for rule in image["rules"] if rule not in offending]
        return Plan(
            summary=_summary(offending, granted),
            changes=tuple(Change(rule["group"], "ingress", _text(rule), None) for rule in offending)
            + tuple(Change(rule["group"], "ingress", None, _text(rule)) for rule in granted),
            before=image,
            after={**image, "rules": sorted(kept + granted, key=str)},
            resource_tags=image["tags"],
        )

    async def apply(self, subject: Subject, plan: Plan, key: str, api: Writer) -> Image:
        """See Action: first what is allowed instead, so that those who may are never cut off."""
        del subject, key
        await _move(plan.before, plan.after, api)
        return {}

    async def revert(self, subject: Subject, plan: Plan, applied: Image, api: Writer) -> None:
        """See Action."""
        del subject, applied
        await _move(plan.after, plan.before, api)

    def _offends(self, rule: dict[str, Any]) -> bool:
        if rule["cidr"] not in self.config.offending:
            return False
        if rule["protocol"] == "-1":
            return True
        return rule["protocol"] == self.config.protocol and self.config.port in range(rule["from"], rule["to"] + 1)

    def _instead(self, offending: list[dict[str, Any]], present: list[dict[str, Any]]) -> Iterable[dict[str, Any]]:
        port = {"protocol": self.config.protocol, "from": self.config.port, "to": self.config.port}
        for group in sorted({rule["group"] for rule in offending}):
            for cidr in sorted(self.config.allowed):
                rule = {"group": group, **port, "cidr": cidr, "description": "allowed by vigild"}
                if not any(_same_reach(rule, other) for other in present):
                    yield rule


def _remainders(offending: list[dict[str, Any]], port: int) -> Iterable[dict[str, Any]]:
    """Yield what is left of ranges of ports once the port is taken out."""
    for rule in offending:
        if rule["protocol"] != "-1":
            if rule["from"] < port:
                yield {**rule, "to": port - 1}
            if rule["to"] > port:
                yield {**rule, "from": port + 1}


def _rules_of(group: Mapping[str, Any]) -> Iterable[dict[str, Any]]:
    for permission in group.get("IpPermissions", ()):
        for ranges, field in _KINDS:
            for entry in permission.get(ranges, ()):
                yield {
                    "group": group["GroupId"],
                    "protocol": permission["IpProtocol"],
                    "from": permission.get("FromPort", -1),
                    "to": permission.get("ToPort", -1),
                    "cidr": entry[field],
                    "description": entry.get("Description", ""),
                }


def _same_reach(rule: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(rule[field] == other[field] for field in ("group", "protocol", "from", "to", "cidr"))


async def _move(before: Image, after: Image, api: Writer) -> None:
    """Authorize what `after` has more, then revoke what it has less, a call for each group and direction."""
    gained = [rule for rule in after["rules"] if rule not in before["rules"]]
    lost = [rule for rule in before["rules"] if rule not in after["rules"]]
    for operation, rules in (("authorize_security_group_ingress", gained), ("revoke_security_group_ingress", lost)):
        for group in sorted({rule["group"] for rule in rules}):
            permissions = [_permission(rule) for rule in rules if rule["group"] == group]
            await api.write("ec2", operation, GroupId=group, IpPermissions=permissions)


def _permission(rule: dict[str, Any]) -> dict[str, Any]:
    ranges, field = _KINDS[":" in rule["cidr"]]
    entry = {field: rule["cidr"]} | ({"Description": rule["description"]} if rule["description"] else {})
    ports = {} if rule["protocol"] == "-1" else {"FromPort": rule["from"], "ToPort": rule["to"]}
    return {"IpProtocol": rule["protocol"], **ports, ranges: [entry]}


def _text(rule: dict[str, Any]) -> str:
    if rule["protocol"] == "-1":
        return f"all traffic from {rule['cidr']}"
    ports = str(rule["from"]) if rule["from"] == rule["to"] else f"{rule['from']}-{rule['to']}"
    return f"{rule['protocol']}/{ports} from {rule['cidr']}"


def _summary(offending: list[dict[str, Any]], granted: list[dict[str, Any]]) -> str:
    groups = ", ".join(sorted({rule["group"] for rule in offending}))
    revoked = ", ".join(sorted({_text(rule) for rule in offending}))
    instead = ", ".join(sorted({_text(rule) for rule in granted}))
    return f"{groups}: revoke {revoked}" + (f"; allow {instead}" if instead else "")
