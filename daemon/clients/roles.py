"""Credentials of roles in other accounts, assumed when first needed, renewed before they lapse; estate.py asks."""

from __future__ import annotations

from typing import Annotated, Any

from aiobotocore.credentials import AioDeferredRefreshableCredentials
from pydantic import ConfigDict

from daemon.clients.aws import AwsClients
from daemon.clients.errors import answered, aws_errors
from daemon.clients.secrets import Secrets
from daemon.secret_reference import Secret
from daemon.text_form import TextForm
from daemon.yaml_file import Strict

_SESSION_SECONDS = 3_600
"""The longest that a role reached through another role may be assumed for (AWS STS API reference, AssumeRole)."""

RoleTemplate = Annotated[
    str,
    TextForm(
        r"^arn:aws[a-z-]*:iam::\{account\}:role/[A-Za-z0-9+=,.@_/-]{1,512}$",
        "the ARN of a role with {account} in place of the account",
        "arn:aws:iam::{account}:role/vigild",
    ),
]
SessionName = Annotated[
    str, TextForm(r"^[A-Za-z0-9+=,.@_-]{2,64}$", "2 to 64 letters, digits and + = , . @ _ -", "vigild")
]


class RoleSettings(Strict):
    """By which role other accounts are reached."""

    model_config = ConfigDict(hide_input_in_errors=True)

    role_arn: RoleTemplate | None = None
    """The role to assume in each account, with `{account}` where its number goes; the daemon's own account is reached
    with its own credentials."""
    external_id: Secret | None = None
    """What the role's trust policy asks for; the text, or where AWS keeps it."""
    session_name: SessionName = "vigild"
    """Of the assumed role's sessions: CloudTrail shows it, and the loop breaker knows our own calls by it."""


class AssumedRole:
    """The credentials of one role, for AwsClients."""

    def __init__(
        self, arn: str, settings: RoleSettings, base: AwsClients, region: str | None, secrets: Secrets
    ) -> None:
        """Take the clients whose credentials may assume the role, and where they ask for it."""
        self._arn = arn
        self._settings = settings
        self._base = base
        self._region = region
        self._secrets = secrets

    def credentials(self) -> Any:
        """Return botocore's own kind of credentials that renew themselves."""
        return AioDeferredRefreshableCredentials(refresh_using=self._assume, method="assume-role")

    async def _assume(self) -> dict[str, str]:
        client = await self._base.client("sts", self._region)
        parameters = {
            "RoleArn": self._arn,
            "RoleSessionName": self._settings.session_name,
            "DurationSeconds": _SESSION_SECONDS,
        }
        async with self._secrets.in_use(self._settings):
            external_id = await self._secrets.read(self._settings.external_id)
            if external_id is not None:
                parameters["ExternalId"] = external_id
            with aws_errors():
                answer = await client.assume_role(**parameters)
        granted = answered(answer, "Credentials")
        return {
            "access_key": granted["AccessKeyId"],
            "secret_key": granted["SecretAccessKey"],
            "token": granted["SessionToken"],
            "expiry_time": granted["Expiration"].isoformat(),
        }
