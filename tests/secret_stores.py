"""Secrets for tests: the daemon's reader of them, and secrets kept in emulated AWS."""

from __future__ import annotations

import uuid

from daemon.clients import AwsClients, AwsSettings, Secrets, SecretSettings
from daemon.clock import Clock, SystemClock
from daemon.telemetry import Telemetry, build_telemetry


def secrets_of(
    aws: AwsClients | None = None, clock: Clock | None = None, telemetry: Telemetry | None = None
) -> Secrets:
    """Return what reads secrets, as a configuration without options gives it."""
    return Secrets(
        aws or AwsClients(AwsSettings()), SecretSettings(), clock or SystemClock(), telemetry or build_telemetry()
    )


async def keep_secret(aws: AwsClients, text: str) -> str:
    """Put a new secret into Secrets Manager; return its name."""
    name = f"vigild/{uuid.uuid4()}"
    manager = await aws.client("secretsmanager")
    await manager.create_secret(Name=name, SecretString=text)
    return name


async def keep_parameter(aws: AwsClients, text: str) -> str:
    """Put a new encrypted parameter into Parameter Store; return its name."""
    name = f"/vigild/{uuid.uuid4()}"
    ssm = await aws.client("ssm")
    await ssm.put_parameter(Name=name, Value=text, Type="SecureString")
    return name
