"""waf.block-ip, on an emulated IP set."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from pydantic import ValidationError

from daemon.actions import ACTIONS, build
from daemon.actions.base import Decline, Declined, Plan
from daemon.actions.subject import SubjectError
from daemon.clients import AwsClients
from daemon.errors import RetryableError
from tests.actions.acting import Acting, acting, event_of
from tests.emulators import REGION, Emulator

pytestmark = pytest.mark.anyio

_ARN = "arn:aws:wafv2:us-east-1:123456789012:regional/ipset/blocked/0a1b"


async def make_set(aws: AwsClients, *addresses: str) -> str:
    """Make an IP set; return its ARN."""
    waf = await aws.client("wafv2", REGION)
    made = await waf.create_ip_set(
        Name=f"set-{uuid.uuid4().hex[:8]}", Scope="REGIONAL", IPAddressVersion="IPV4", Addresses=list(addresses)
    )
    return str(made["Summary"]["ARN"])


async def set_of(it: Acting) -> tuple[dict[str, Any], list[str]]:
    """Return how the action's IP set is named, and its addresses."""
    waf = await it.aws.client("wafv2", REGION)
    _, name, number = it.action.config.ip_set_arn.rsplit("/", 2)
    place = {"Name": name, "Id": number, "Scope": "REGIONAL"}
    answer = await waf.get_ip_set(**place)
    return place | {"LockToken": answer["LockToken"]}, sorted(answer["IPSet"]["Addresses"])


def from_client(address: object) -> dict[str, Any]:
    """Return an event that names a client as WAF's log does."""
    return event_of(httpRequest={"clientIp": address})


async def test_an_address_is_blocked_and_back(moto: Emulator) -> None:
    """It joins the set; what else is in there stays, also what comes in between; undo takes only it out."""
    async with acting(moto, {"type": "waf.block-ip", "ip_set_arn": await a_set(moto, "192.0.2.1/32")}) as it:
        plan, applied = await it.act(from_client("8.8.8.8"))
        place, blocked = await set_of(it)
        waf = await it.aws.client("wafv2", REGION)
        await waf.update_ip_set(**place, Addresses=[*blocked, "198.51.100.7/32"])
        again = await it.plan(from_client("8.8.8.8"))
        await it.undo(from_client("8.8.8.8"), plan, applied)

        assert blocked == ["192.0.2.1/32", "8.8.8.8/32"]
        assert isinstance(again, Declined)
        assert (await set_of(it))[1] == ["192.0.2.1/32", "198.51.100.7/32"]


async def test_what_must_never_be_blocked_is_not(moto: Emulator) -> None:
    """An address on the list of those is declined."""
    options = {"type": "waf.block-ip", "ip_set_arn": await a_set(moto), "never": ["8.8.4.4"]}
    async with acting(moto, options) as it:
        answer = await it.plan(from_client("8.8.4.4"))

        assert isinstance(answer, Declined)
        assert Decline.PROTECTED is answer.reason


_NEVER = ["8.8.4.0/24", "2606:4700:0:0::1111", "2001:4860:4860::/48"]


@pytest.mark.parametrize(
    ("address", "answer"),
    [
        ("8.8.4.4", Declined),
        ("8.8.8.8", Plan),
        ("2606:4700::1111", Declined),
        ("2606:4700:0000:0000:0000:0000:0000:1111", Declined),
        ("2001:4860:4860::8888", Declined),
        ("2606:4700::1112", Plan),
    ],
)
def test_whatever_is_in_a_block_that_is_never_blocked_is_not(address: str, answer: type[object]) -> None:
    """Blocks cover their addresses, and an address is the same in all its spellings."""
    action = ACTIONS["waf.block-ip"]
    config = action.config.model_validate({"type": "waf.block-ip", "ip_set_arn": _ARN, "never": _NEVER})
    made = build(config)

    assert isinstance(made.decide(made.subject(from_client(address)), {"blocked": False}), answer)


@pytest.mark.parametrize("entry", ["office", "8.8.4.4/24", "8.8.4.4/33", ""])
def test_what_is_no_block_is_no_exception_either(entry: str) -> None:
    """A slip in `never` is found when the configuration is read, not by a blocked office."""
    with pytest.raises(ValidationError, match="never"):
        ACTIONS["waf.block-ip"].config.model_validate({"type": "waf.block-ip", "ip_set_arn": _ARN, "never": [entry]})


@pytest.mark.parametrize("address", ["10.0.0.1", "127.0.0.1", "::1", "0.0.0.0", "8.8.8.8/0", "x", "", None, 8, "8.8.8"])
async def test_what_is_no_address_of_the_internet_is_refused(moto: Emulator, address: object) -> None:
    """Private addresses, blocks and rubbish never reach WAF."""
    async with acting(moto, {"type": "waf.block-ip", "ip_set_arn": await a_set(moto)}) as it:
        with pytest.raises(SubjectError, match="address"):
            await it.plan(from_client(address))


async def test_a_change_in_between_makes_it_try_again(moto: Emulator) -> None:
    """WAF's optimistic lock refuses a stale change, and that counts as worth repeating."""
    async with acting(moto, {"type": "waf.block-ip", "ip_set_arn": await a_set(moto)}) as it:
        subject = it.action.subject(from_client("8.8.8.8"))
        writer = it.writer(subject)
        read = writer.read

        async def read_and_lose(service: str, operation: str, **parameters: Any) -> dict[str, Any]:
            answer = await read(service, operation, **parameters)
            place, addresses = await set_of(it)
            await (await it.aws.client("wafv2", REGION)).update_ip_set(**place, Addresses=addresses)
            return answer

        writer.read = read_and_lose  # type: ignore[method-assign]  # somebody else, at exactly the wrong moment
        plan = await it.plan(from_client("8.8.8.8"))
        with pytest.raises(RetryableError, match="somebody else"):
            await it.action.apply(subject, plan, "k", writer)  # type: ignore[arg-type]  # a plan, as asserted elsewhere


async def a_set(moto: Emulator, *addresses: str) -> str:
    """Make an IP set with clients of its own; return its ARN."""
    async with acting(moto, {"type": "s3.make-acl-private"}) as it:
        return await make_set(it.aws, *addresses)
