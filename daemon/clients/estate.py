"""AWS as actions see it: one account and region at a time, reads apart from writes, all of them paced and recorded.

dispatch/remediation/ hands an action a Reader to look and plan with, and a Writer only once it may act: what was never
given cannot be called.  Roles of other accounts are assumed here, and nothing outside the allow list is reached.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from pydantic import Field, SecretStr, StringConstraints

from daemon.clients.aws import AwsClients, AwsSettings
from daemon.clients.errors import answered, aws_errors
from daemon.clients.pace import Pace
from daemon.clients.roles import AssumedRole, Role
from daemon.clock import Clock
from daemon.errors import FailureKind, PermanentError
from daemon.yaml_file import Strict

AccountId = Annotated[str, StringConstraints(pattern=r"^[0-9]{12}$")]
RegionName = Annotated[str, StringConstraints(pattern=r"^[a-z]{2}(-[a-z]+)+-[0-9]$")]

_READS = ("batch_get_", "describe_", "get_", "head_", "list_")


class EstateSettings(Strict):
    """Which accounts and regions actions may touch, and by which role."""

    accounts: frozenset[AccountId] = frozenset()
    """Actions touch no other account; without it, only the one that the daemon's own credentials belong to."""
    regions: frozenset[RegionName] = frozenset()
    """Actions touch no other region; without it, only `aws.region`."""
    role_arn: str | None = Field(
        default=None, pattern=r"^arn:aws[a-z-]*:iam::\{account\}:role/[A-Za-z0-9+=,.@_/-]{1,512}$"
    )
    """The role to assume in each account, with `{account}` where its number goes; the daemon's own account is reached
    with its own credentials."""
    external_id: SecretStr | None = None
    """What the role's trust policy asks for."""
    session_name: str = Field(default="vigild", pattern=r"^[A-Za-z0-9+=,.@_-]{2,64}$")
    """Of the assumed role's sessions: CloudTrail shows it, and the loop breaker knows our own calls by it."""
    calls_per_second: float = Field(default=5.0, gt=0, le=100)
    """Calls to one service of one account and region, by all actions together."""
    burst: int = Field(default=10, ge=1, le=1000)
    """Calls that may follow each other at once after a pause."""


class Call(msgspec.Struct, frozen=True):
    """A call that was made."""

    service: str
    operation: str
    """As the AWS API names it: "RevokeSecurityGroupIngress"."""
    request_id: str
    write: bool


class Reader:
    """Reads one account and region.  Errors come as RetryableError or PermanentError: a read that was refused or
    throttled is never an answer.
    """

    def __init__(self, estate: Estate, account: str, region: str) -> None:
        self.account = account
        self.region = region
        self.calls: list[Call] = []
        """What was called, in order."""
        self._estate = estate

    async def read(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call a reading operation by its Python name ("describe_instances")."""
        if not operation.startswith(_READS):
            raise ValueError(f"{service}.{operation} is not known to be a read")
        return await self._call(service, operation, parameters, write=False)

    async def find(
        self, service: str, operation: str, also_missing: frozenset[str] = frozenset(), **parameters: Any
    ) -> dict[str, Any] | None:
        """As read, but None where AWS says that there is no such thing: by 404, or by a code of `also_missing`."""
        try:
            return await self.read(service, operation, **parameters)
        except PermanentError as error:
            if error.kind is FailureKind.NOT_FOUND or error.code in also_missing:
                return None
            raise

    async def pages(self, service: str, operation: str, field: str, **parameters: Any) -> list[dict[str, Any]]:
        """Return the elements of `field` over all pages of a reading operation that pages with NextToken."""
        found: list[dict[str, Any]] = []
        while True:
            answer = await self.read(service, operation, **parameters)
            found += answer.get(field, ())
            token = answer.get("NextToken")
            if not token:
                return found
            parameters["NextToken"] = token

    async def _call(self, service: str, operation: str, parameters: dict[str, Any], *, write: bool) -> dict[str, Any]:
        client = await self._estate.client(service, self.account, self.region)
        await self._estate.pace(service, self.account, self.region).turn()
        with aws_errors():
            answer: dict[str, Any] = await getattr(client, operation)(**parameters)
        metadata = answered(answer, "ResponseMetadata")
        name = client.meta.method_to_api_mapping[operation]
        self.calls.append(Call(service, name, str(metadata.get("RequestId", "")), write))
        return answer


class Writer(Reader):
    """Changes one account and region; tells `on_write` of every change before anything else happens."""

    def __init__(self, estate: Estate, account: str, region: str, on_write: Callable[[Call], Awaitable[None]]) -> None:
        super().__init__(estate, account, region)
        self._on_write = on_write

    async def write(self, service: str, operation: str, **parameters: Any) -> dict[str, Any]:
        """Call a changing operation by its Python name."""
        answer = await self._call(service, operation, parameters, write=True)
        await self._on_write(self.calls[-1])
        return answer


class Estate:
    """All accounts and regions that actions may touch."""

    def __init__(self, settings: EstateSettings, aws: AwsClients, aws_settings: AwsSettings, clock: Clock) -> None:
        self.settings = settings
        self._aws = aws
        self._aws_settings = aws_settings
        self._clock = clock
        self._own_account: str | None = None
        self._roles: dict[str, AwsClients] = {}
        self._paces: dict[tuple[str, str, str], Pace] = {}

    async def own_account(self) -> str:
        """Return the account of the daemon's own credentials.  Raises EffectError."""
        if self._own_account is None:
            client = await self._aws.client("sts", self._aws_settings.region)
            with aws_errors():
                self._own_account = str(answered(await client.get_caller_identity(), "Account"))
        return self._own_account

    async def forbids(self, account: str, region: str) -> str | None:
        """Return why this account or region may not be touched, None where it may.  Raises EffectError."""
        accounts = self.settings.accounts or {await self.own_account()}
        if account not in accounts:
            return f"account {account} is not in estate.accounts"
        regions = self.settings.regions or {self._aws_settings.region}
        if region not in regions:
            return f"region {region} is not in estate.regions"
        return None

    def reader(self, account: str, region: str) -> Reader:
        """Return what an action looks with."""
        return Reader(self, account, region)

    def writer(self, account: str, region: str, on_write: Callable[[Call], Awaitable[None]]) -> Writer:
        """Return what an action acts with."""
        return Writer(self, account, region, on_write)

    async def client(self, service: str, account: str, region: str) -> Any:
        """Return the client of a service in an account.  Raises PermanentError or RetryableError."""
        clients = self._aws
        if self.settings.role_arn is not None and account != await self.own_account():
            clients = self._assumed(account, self.settings.role_arn)
        return await clients.client(service, region)

    def _assumed(self, account: str, template: str) -> AwsClients:
        if account not in self._roles:
            external_id = self.settings.external_id
            role = Role(
                template.replace("{account}", account),
                self.settings.session_name,
                external_id.get_secret_value() if external_id else None,
            )
            self._roles[account] = AwsClients(self._aws_settings, AssumedRole(role, self._aws))
        return self._roles[account]

    def pace(self, service: str, account: str, region: str) -> Pace:
        """Return the one budget of calls to a service of an account and region."""
        key = (service, account, region)
        if key not in self._paces:
            self._paces[key] = Pace(self.settings.calls_per_second, self.settings.burst, self._clock)
        return self._paces[key]

    async def close(self) -> None:
        """Close the clients of assumed roles."""
        for clients in self._roles.values():
            await clients.close()
