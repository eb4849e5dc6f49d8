"""Where actions may act, and as whom, by configuration and environment."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs

import pytest

from daemon.clients import AwsClients, AwsSettings
from daemon.clients.estate import Estate, EstateSettings
from daemon.clock import Clock, SystemClock
from daemon.errors import PermanentError, RetryableError
from tests.clocks import HandWound
from tests.e2e.estates import ACCOUNT
from tests.emulators import REGION, Emulator
from tests.faults import FaultProxy, refused
from tests.secret_stores import keep_secret, secrets_of

pytestmark = pytest.mark.anyio

MEMBER = "210987654321"
ELSEWHERE = "ap-south-1"

Environment = Callable[..., None]


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> Environment:
    """Return what puts these variables in place of all that name a region."""

    def put(**variables: str) -> None:
        for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
            monkeypatch.delenv(name, raising=False)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)

    return put


@asynccontextmanager
async def estate_at(
    endpoint_url: str, region: str | None = None, clock: Clock | None = None, **settings: Any
) -> AsyncIterator[Estate]:
    """Yield the estate of a configuration that says this much."""
    aws = AwsClients(AwsSettings(region=region, endpoint_url=endpoint_url))
    estate = Estate(EstateSettings(**settings), aws, secrets_of(aws, clock), clock or SystemClock())
    yield estate
    await estate.close()
    await aws.close()


@pytest.mark.parametrize(
    ("variables", "region", "settings", "allowed"),
    [
        ({"AWS_REGION": REGION}, None, {}, REGION),
        ({"AWS_DEFAULT_REGION": REGION}, None, {}, REGION),
        ({"AWS_REGION": REGION, "AWS_DEFAULT_REGION": ELSEWHERE}, None, {}, REGION),
        ({"AWS_REGION": ELSEWHERE}, REGION, {}, REGION),
        ({}, None, {"regions": [REGION]}, REGION),
        ({"AWS_REGION": ELSEWHERE}, None, {"regions": [REGION]}, REGION),
    ],
)
async def test_the_region_is_the_configured_one_or_that_of_the_environment(
    moto: Emulator,
    environment: Environment,
    variables: dict[str, str],
    region: str | None,
    settings: dict[str, Any],
    allowed: str,
) -> None:
    """A container on ECS or EKS need not be told where it runs; nothing but that region is touched."""
    environment(**variables)
    async with estate_at(moto.endpoint_url, region, **settings) as estate:
        assert await estate.forbids(ACCOUNT, allowed) is None
        assert await estate.forbids(ACCOUNT, "us-west-1") == "region us-west-1 is not in estate.regions"
        assert await estate.check() == f"1 account(s), region {allowed}"


async def test_without_any_region_nothing_is_refused_for_good(moto: Emulator, environment: Environment) -> None:
    """It is a failure that says what to write where, so that events are kept until somebody has."""
    environment()
    async with estate_at(moto.endpoint_url, accounts=[ACCOUNT]) as estate:
        for call in (estate.check(), estate.forbids(ACCOUNT, REGION)):
            with pytest.raises(PermanentError, match=r"no region to act in: .* aws\.region.* AWS_REGION"):
                await call


async def test_credentials_of_another_account_are_found_before_the_night(moto: Emulator) -> None:
    """An allowed account that no role leads to is not reached."""
    async with estate_at(moto.endpoint_url, REGION, accounts=[MEMBER]) as estate:
        with pytest.raises(PermanentError, match=f"account {MEMBER}: the credentials are those of {ACCOUNT}"):
            await estate.check()


async def test_an_external_id_is_read_where_aws_keeps_it(moto: Emulator, moto_clients: AwsClients) -> None:
    """It goes out with the call that assumes the role; where that is refused, a new one is asked for and used."""
    name = await keep_secret(moto_clients, "old and known to both")
    settings = {
        "accounts": [MEMBER],
        "role_arn": "arn:aws:iam::{account}:role/acts",
        "external_id": f"aws-secret:{name}",
    }
    clock = HandWound()
    async with FaultProxy(moto.endpoint_url) as proxy:
        async with estate_at(proxy.endpoint_url, REGION, clock, **settings) as estate:
            assert await estate.check() == f"1 account(s), region {REGION}"
            manager = await moto_clients.client("secretsmanager")
            await manager.put_secret_value(SecretId=name, SecretString="new and known to both")
            clock.time += 6
            proxy.add("AssumeRole", refused("query", "AccessDenied", 403), times=1)
            await estate.close()
            with pytest.raises(RetryableError, match="with a secret that has changed since"):
                await estate.check()
            await estate.check()
        asked = [body for name, body in zip(proxy.seen, proxy.bodies, strict=True) if name == "AssumeRole"]

    sent = [parse_qs(body.decode())["ExternalId"][0].partition(" ")[0] for body in asked]
    assert sent == ["old", "old", "new"]
