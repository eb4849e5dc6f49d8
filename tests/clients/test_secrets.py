"""Secrets that AWS keeps: read, kept, read anew, and never shown."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator

import anyio
import pytest
from pydantic import BaseModel, SecretStr, ValidationError

from daemon.clients import AwsClients, AwsSettings, Secrets
from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError
from daemon.grants import Place
from daemon.secret_reference import Secret, reference_of, references_in
from daemon.telemetry import Telemetry, build_telemetry
from tests.clocks import HandWound
from tests.emulators import REGION, Emulator
from tests.faults import FaultProxy, answering, delayed, dropped, throttled
from tests.secret_stores import keep_parameter, keep_secret, secrets_of

pytestmark = pytest.mark.anyio


class Options(BaseModel):
    """A configuration with secrets."""

    token: Secret | None = None
    headers: dict[str, Secret] = {}


@pytest.fixture
async def proxied(moto: Emulator) -> AsyncIterator[tuple[FaultProxy, AwsClients]]:
    """Yield clients that reach moto through a proxy that can do harm."""
    async with FaultProxy(moto.endpoint_url) as proxy:
        clients = AwsClients(AwsSettings(region=REGION, endpoint_url=proxy.endpoint_url))
        yield proxy, clients
        await clients.close()


def refreshes(telemetry: Telemetry, result: str) -> float:
    """Return how often secrets were found changed, or could not be read."""
    return telemetry.metrics.registry.get_sample_value("vigild_secret_refreshes_total", {"result": result}) or 0.0


async def test_each_place_is_read(moto_clients: AwsClients) -> None:
    """A secret, a key of a secret in JSON, and an encrypted parameter come out as they were put in."""
    plain = await keep_secret(moto_clients, "plain")
    keyed = await keep_secret(moto_clients, json.dumps({"url": "u", "n": 1}))
    parameter = await keep_parameter(moto_clients, "parameter")
    secrets = secrets_of(moto_clients)

    for text, expected in (
        (f"aws-secret:{plain}", "plain"),
        (f"aws-secret:{keyed}#url", "u"),
        (f"aws-parameter:{parameter}", "parameter"),
        ("the text itself", "the text itself"),
    ):
        assert expected == await secrets.read(SecretStr(text))
    assert await secrets.read(None) is None


@pytest.mark.parametrize(
    ("content", "key", "why"),
    [
        ('{"url": 1}', "#url", "no text under this key"),
        ("{}", "#url", "no text under this key"),
        ("[1]", "#url", "no text under this key"),
        ("{hunter2", "#url", "no text under this key"),
        ("  ", "", "empty"),
        ("hunter2" * 10_000, "", "over 65536 bytes"),
        ("hunter2", "", "shorter than 16 characters"),
    ],
)
async def test_what_cannot_be_the_secret_is_told_without_it(
    moto_clients: AwsClients, content: str, key: str, why: str
) -> None:
    """The error names the place and the fault; it may be mended behind us, so it is repeated."""
    name = await keep_secret(moto_clients, content)
    with pytest.raises(RetryableError) as raised:
        await secrets_of(moto_clients).read(SecretStr(f"aws-secret:{name}{key}"), least_characters=16)
    assert (FailureKind.CREDENTIALS, f"aws-secret:{name}{key}: {why}") == (raised.value.kind, raised.value.detail)
    assert "hunter2" not in repr(raised.value) + repr(raised.value.__cause__) + repr(raised.value.__context__)


async def test_a_secret_that_is_not_there_is_asked_for_once_in_a_while(
    proxied: tuple[FaultProxy, AwsClients],
) -> None:
    """Many alerts that wait for it make one call; seconds later it is looked for again, and found."""
    proxy, aws = proxied
    clock = HandWound()
    secrets = secrets_of(aws, clock)
    absent = SecretStr("aws-secret:absent")
    for _ in range(5):
        with pytest.raises(RetryableError, match="aws-secret:absent: GetSecretValue: ResourceNotFound"):
            await secrets.read(absent)
    assert proxy.seen.count("GetSecretValue") == 1
    await (await aws.client("secretsmanager")).create_secret(Name="absent", SecretString="there")
    clock.time += 5
    assert await secrets.read(absent) == "there"


async def test_a_new_value_is_used_after_a_while(proxied: tuple[FaultProxy, AwsClients]) -> None:
    """Within the time no call is made; after it the new value is found, counted and logged without being shown."""
    proxy, aws = proxied
    clock, telemetry = HandWound(), build_telemetry()
    name = await keep_secret(aws, "old")
    secrets, token = secrets_of(aws, clock, telemetry), SecretStr(f"aws-secret:{name}")
    assert await secrets.read(token) == "old"
    await (await aws.client("secretsmanager")).put_secret_value(SecretId=name, SecretString="new")
    clock.time += 299
    assert await secrets.read(token) == "old"
    clock.time += 2
    assert await secrets.read(token) == "new"
    assert proxy.seen.count("GetSecretValue") == 2
    assert (refreshes(telemetry, "changed"), refreshes(telemetry, "failed")) == (1, 0)


@pytest.mark.parametrize(
    "fault", [throttled(), dropped(), answering(400, {"__type": "AccessDeniedException", "message": "no"})]
)
async def test_the_last_good_value_stays(
    proxied: tuple[FaultProxy, AwsClients], capfd: pytest.CaptureFixture[str], fault: object
) -> None:
    """A refresh that fails is counted and logged without the value, and what there was stays in use."""
    proxy, aws = proxied
    clock, telemetry = HandWound(), build_telemetry()
    name = await keep_secret(aws, "hunter2")
    secrets, token = secrets_of(aws, clock, telemetry), SecretStr(f"aws-secret:{name}")
    await secrets.read(token)
    proxy.add("GetSecretValue", fault)  # type: ignore[arg-type] # parametrised
    clock.time += 301
    assert await secrets.read(token) == "hunter2"
    assert (refreshes(telemetry, "changed"), refreshes(telemetry, "failed")) == (0, 1)
    log = capfd.readouterr().err
    assert name in re.sub(r"\x1b\[[0-9;]*m", "", log)
    assert "hunter2" not in log + repr(vars(secrets)) + repr(secrets._kept)


async def test_a_slow_refresh_holds_up_nobody_else(proxied: tuple[FaultProxy, AwsClients]) -> None:
    """While one caller waits for AWS, all others go on with what there was."""
    proxy, aws = proxied
    clock = HandWound()
    token = SecretStr(f"aws-secret:{await keep_secret(aws, 'value')}")
    secrets = secrets_of(aws, clock)
    await secrets.read(token)
    proxy.add("GetSecretValue", delayed(60), times=1)
    clock.time += 301
    async with anyio.create_task_group() as group:
        group.start_soon(secrets.read, token)
        await anyio.wait_all_tasks_blocked()
        assert await secrets.read(token) == "value"
        group.cancel_scope.cancel()


async def refused(secrets: Secrets, options: Options) -> type[EffectError]:
    """Use the secrets, be refused, and return what is raised."""
    with pytest.raises(EffectError) as raised:
        async with secrets.in_use(options):
            raise PermanentError(FailureKind.ACCESS_DENIED, "HTTP 401")
    return raised.type


async def test_who_is_refused_with_an_old_secret_may_try_again(proxied: tuple[FaultProxy, AwsClients]) -> None:
    """AWS is asked at once, though not twice within seconds; only where the secret has changed is it worth a try."""
    proxy, aws = proxied
    clock = HandWound()
    name = await keep_secret(aws, "old")
    secrets, options = secrets_of(aws, clock), Options(headers={"a": SecretStr(f"aws-secret:{name}")})
    await secrets.read(options.headers["a"])
    clock.time += 6
    assert await refused(secrets, options) is PermanentError
    assert await refused(secrets, options) is PermanentError
    assert proxy.seen.count("GetSecretValue") == 2
    await (await aws.client("secretsmanager")).put_secret_value(SecretId=name, SecretString="new")
    clock.time += 6
    assert await refused(secrets, options) is RetryableError
    assert await secrets.read(options.headers["a"]) == "new"
    clock.time += 6
    assert await refused(secrets, options) is PermanentError


@pytest.mark.parametrize("text", ["aws-secret:", "aws-secret:a b", "aws-parameter:/a#", "aws-secret:a#b#c"])
def test_a_malformed_reference_stops_the_start(text: str) -> None:
    """What begins like a reference and is none would otherwise be sent as the secret itself."""
    with pytest.raises(ValidationError, match="not a reference"):
        Options.model_validate({"token": text})


@pytest.mark.parametrize(
    ("text", "action", "arn"),
    [
        (
            "aws-secret:a/b#url",
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:r:1:secret:a/b-??????",
        ),
        (
            "aws-secret:arn:aws:secretsmanager:eu-west-1:123456789012:secret:slack-AbC123",
            "secretsmanager:GetSecretValue",
            "arn:aws:secretsmanager:eu-west-1:123456789012:secret:slack-AbC123",
        ),
        ("aws-parameter:/prod/slack", "ssm:GetParameter", "arn:aws:ssm:r:1:parameter/prod/slack"),
        (
            "aws-parameter:arn:aws:ssm:eu-west-1:123456789012:parameter/slack",
            "ssm:GetParameter",
            "arn:aws:ssm:eu-west-1:123456789012:parameter/slack",
        ),
    ],
)
def test_reading_it_is_granted(text: str, action: str, arn: str) -> None:
    """The policy names the one action on the one secret, and lets KMS decrypt nothing else, whatever the key."""
    (reference,) = references_in(Options(token=SecretStr(text)))

    reading, decrypting = reference.grants(Place("r", "1"))

    assert ((action,), (arn,), ()) == reading
    service, region = arn.split(":")[2:4]
    assert (("kms:Decrypt",), (f"arn:aws:kms:{region}:*:key/*",)) == decrypting[:2]
    assert dict(decrypting.only_where) == {
        "kms:ViaService": f"{service}.{region}.amazonaws.com*",
        f"kms:EncryptionContext:{'SecretARN' if service == 'secretsmanager' else 'PARAMETER_ARN'}": arn,
    }


def test_an_arn_names_the_region() -> None:
    """A secret of another region is read there; a name is looked up in the daemon's own."""
    there = reference_of(SecretStr("aws-secret:arn:aws:secretsmanager:eu-west-1:123456789012:secret:a-AbC123"))
    here = reference_of(SecretStr("aws-secret:a"))
    assert there is not None
    assert here is not None
    assert (there.region, here.region) == ("eu-west-1", None)
