"""AWS as actions see it: one account and region at a time, reads apart from writes, all of them paced and recorded.

dispatch/remediation/ hands an action a Reader to look and plan with, and a Writer only once it may act: what was never
given cannot be called.  Roles of other accounts are assumed here, and nothing outside the allow list is reached.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from pydantic import Field

from daemon.clients.aws import AwsClients
from daemon.clients.errors import answered, aws_errors
from daemon.clients.pace import Pace
from daemon.clients.roles import AssumedRole, RoleSettings
from daemon.clients.secrets import Secrets
from daemon.clock import Clock
from daemon.errors import FailureKind, PermanentError
from daemon.text_form import TextForm

AccountId = Annotated[str, TextForm(r"^[0-9]{12}$", "the 12 digits of an account, in quotes", "123456789012")]
RegionName = Annotated[str, TextForm(r"^[a-z]{2}(-[a-z]+)+-[0-9]$", "the code of a region", "eu-west-1")]

_NO_REGION = "no region to act in: the configuration needs estate.regions or aws.region, or the environment AWS_REGION"
_SESSION = re.compile(r"arn:[^:]+:sts::([0-9]{12}):assumed-role/([^/]+)/[^/]+")
_READS = ("batch_get_", "describe_", "get_", "head_", "list_")


class EstateSettings(RoleSettings):
    """Which accounts and regions actions may touch, and by which role."""

    accounts: frozenset[AccountId] = frozenset()
    """Actions touch no other account; without it, only the one that the daemon's own credentials belong to."""
    regions: frozenset[RegionName] = frozenset()
    """Actions touch no other region; without it, only the default region, see `aws.region`."""
    calls_per_second: float = Field(default=5.0, gt=0, le=100)
    """Calls to one service of one account and region, by all actions together."""
    burst: int = Field(default=10, ge=1, le=1000)
    """Calls that may follow each other at once after a pause."""


class Identity(msgspec.Struct, frozen=True):
    """Whom AWS takes the daemon for."""

    account: str
    arn: str


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

    def __init__(self, settings: EstateSettings, aws: AwsClients, secrets: Secrets, clock: Clock) -> None:
        self.settings = settings
        self._aws = aws
        self._secrets = secrets
        self._clock = clock
        self._own: Identity | None = None
        self._roles: dict[str, AwsClients] = {}
        self._paces: dict[tuple[str, str, str], Pace] = {}

    async def check(self) -> str:
        """Reach every account as actions do, for `vigild check`.  Raises EffectError."""
        regions = self._regions()
        accounts = await self._accounts()
        for account in sorted(accounts):
            client = await self.client("sts", account, self._home)
            found = (await _identity_of(client)).account
            if account != found:
                detail = f"account {account}: the credentials are those of {found}; estate.role_arn names a role"
                raise PermanentError(FailureKind.CREDENTIALS, detail)
        return f"{len(accounts)} account(s), region {', '.join(sorted(regions))}"

    async def own_account(self) -> str:
        """Return the account of the daemon's own credentials.  Raises EffectError."""
        return (await self._own_identity()).account

    async def _own_identity(self) -> Identity:
        if self._own is None:
            self._own = await _identity_of(await self._aws.client("sts", self._home))
        return self._own

    async def acts_as(self, arn: str) -> bool:
        """Return whether an ARN, as CloudTrail shows callers, is the daemon's own or one of a role that it assumes.

        Any session of the role counts: each replica has one of its own.  Raises EffectError.
        """
        own = await self._own_identity()
        role = role_of(arn)
        if role is None:
            return arn == own.arn
        if role == role_of(own.arn):
            return True
        template = self.settings.role_arn
        return template is not None and role[1] == template.rpartition("/")[2] and role[0] in await self._accounts()

    async def forbids(self, account: str, region: str) -> str | None:
        """Return why this account or region may not be touched, None where it may.  Raises EffectError."""
        regions = self._regions()
        if account not in await self._accounts():
            return f"account {account} is not in estate.accounts"
        if region not in regions:
            return f"region {region} is not in estate.regions"
        return None

    async def _accounts(self) -> frozenset[str]:
        return self.settings.accounts or frozenset({await self.own_account()})

    def _regions(self) -> frozenset[str]:
        """Return where actions may act.  Raises PermanentError, so that what a configuration forgot is not lost."""
        regions = self.settings.regions or frozenset(filter(None, [self._aws.region]))
        if not regions:
            raise PermanentError(FailureKind.REFUSED, _NO_REGION)
        return regions

    @property
    def _home(self) -> str | None:
        """Where the daemon asks who it is, and for roles: anywhere will do."""
        return self._aws.region or min(self.settings.regions, default=None)

    def reader(self, account: str, region: str) -> Reader:
        """Return what an action looks with."""
        return Reader(self, account, region)

    def writer(self, account: str, region: str, on_write: Callable[[Call], Awaitable[None]]) -> Writer:
        """Return what an action acts with."""
        return Writer(self, account, region, on_write)

    async def client(self, service: str, account: str, region: str | None) -> Any:
        """Return the client of a service in an account.  Raises PermanentError or RetryableError."""
        clients = self._aws
        if self.settings.role_arn is not None and account != await self.own_account():
            clients = self._assumed(account, self.settings.role_arn)
        return await clients.client(service, region)

    def _assumed(self, account: str, template: str) -> AwsClients:
        if account not in self._roles:
            arn = template.replace("{account}", account)
            role = AssumedRole(arn, self.settings, self._aws, self._home, self._secrets)
            self._roles[account] = self._aws.as_role(role)
        return self._roles[account]

    def pace(self, service: str, account: str, region: str) -> Pace:
        """Return the one budget of calls to a service of an account and region."""
        key = (service, account, region)
        if key not in self._paces:
            self._paces[key] = Pace(self.settings.calls_per_second, self.settings.burst, self._clock)
        return self._paces[key]

    async def close(self) -> None:
        """Close the clients of assumed roles."""
        while self._roles:
            await self._roles.popitem()[1].close()


async def _identity_of(sts: Any) -> Identity:
    with aws_errors():
        answer = await sts.get_caller_identity()
        return Identity(str(answered(answer, "Account")), str(answered(answer, "Arn")))


def role_of(arn: str) -> tuple[str, str] | None:
    """Return account and name of the role that the ARN of a session names, None for other ARNs."""
    found = _SESSION.fullmatch(arn)
    return (found[1], found[2]) if found else None
