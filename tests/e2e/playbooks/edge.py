"""The playbook on clients of a web site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tests.e2e.playbooks.accounts import Account
from tests.e2e.playbooks.playbook import Place, Playbook, eventbridge
from tests.e2e.playbooks.reading import Everything
from tests.faults import FaultProxy

_CLIENT, _OTHER = "8.8.4.4", "1.1.1.1/32"


async def _ip_set(account: Account, _: FaultProxy) -> Mapping[str, Mapping[str, Any]]:
    waf = await account.client("wafv2")
    made = await waf.create_ip_set(
        Name="vigild-blocked",
        Scope="REGIONAL",
        IPAddressVersion="IPV4",
        Addresses=[_OTHER],
        Description="abusive clients",
    )
    return {"block-client": {"ip_set_arn": made["Summary"]["ARN"]}}


async def _client(_: Account) -> Place:
    return {"client": _CLIENT}


def _named(account: Account, place: Place) -> str:
    detail = {"clientIp": place["client"], "requests": 4000, "seconds": 60}
    return eventbridge("Abusive Client", "edge.detector", account, detail)


def _blocked(place: Place, _: Everything) -> Mapping[str, Any]:
    return {"wafv2/vigild-blocked/Addresses": sorted([_OTHER, f"{place['client']}/32"])}


WAF_BLOCK_CLIENT = Playbook("waf-block-client", ("wafv2",), _client, _named, _blocked, prepare=_ip_set)
