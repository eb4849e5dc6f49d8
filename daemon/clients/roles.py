"""Credentials of roles in other accounts, assumed when first needed, renewed before they lapse; estate.py asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiobotocore.credentials import AioDeferredRefreshableCredentials

from daemon.clients.aws import AwsClients
from daemon.clients.errors import answered, aws_errors

_SESSION_SECONDS = 3_600
"""The longest that a role reached through another role may be assumed for (AWS STS API reference, AssumeRole)."""


@dataclass(frozen=True, slots=True)
class Role:
    """A role and how it is assumed."""

    arn: str
    session_name: str
    external_id: str | None = field(repr=False)


class AssumedRole:
    """The credentials of one role, for AwsClients."""

    def __init__(self, role: Role, base: AwsClients) -> None:
        """Take the clients whose credentials may assume the role."""
        self._role = role
        self._base = base

    def credentials(self) -> Any:
        """Return botocore's own kind of credentials that renew themselves."""
        return AioDeferredRefreshableCredentials(refresh_using=self._assume, method="assume-role")

    async def _assume(self) -> dict[str, str]:
        client = await self._base.client("sts")
        parameters = {
            "RoleArn": self._role.arn,
            "RoleSessionName": self._role.session_name,
            "DurationSeconds": _SESSION_SECONDS,
        }
        if self._role.external_id is not None:
            parameters["ExternalId"] = self._role.external_id
        with aws_errors():
            answer = await client.assume_role(**parameters)
        granted = answered(answer, "Credentials")
        return {
            "access_key": granted["AccessKeyId"],
            "secret_key": granted["SecretAccessKey"],
            "token": granted["SessionToken"],
            "expiry_time": granted["Expiration"].isoformat(),
        }
