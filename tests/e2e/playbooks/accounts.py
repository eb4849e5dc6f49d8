"""Accounts of an emulated organisation: each an estate of its own, reached past the daemon and its proxy."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiobotocore.session import get_session

from tests.e2e.estates import ACCOUNT
from tests.emulators import Emulator

HOME = "eu-west-1"
"""Where the playbooks' resources are: no other test works there."""

_SESSION = get_session()
"""One for all accounts: reading a service's model takes longer than all calls to it."""


@dataclass(slots=True)
class Account:
    """Plain clients of one account, in one region."""

    number: str
    endpoint_url: str
    _stack: AsyncExitStack
    prepared: dict[str, str] = field(default_factory=dict)
    """Names of what was made for a playbook before the daemon started."""
    _credentials: dict[str, str] = field(default_factory=dict)
    _clients: dict[str, Any] = field(default_factory=dict)

    @property
    def is_shared(self) -> bool:
        """Whether it is the one that other tests use as well."""
        return self.number == ACCOUNT

    async def client(self, service: str) -> Any:
        """Return the client of a service ("ec2")."""
        if service not in self._clients:
            client = _SESSION.create_client(
                service, region_name=HOME, endpoint_url=self.endpoint_url, **self._credentials
            )
            self._clients[service] = await self._stack.enter_async_context(client)
        return self._clients[service]

    async def sign_in(self) -> None:
        """Take on a role of the account: the emulator keeps each account's resources apart."""
        sts = await self.client("sts")
        role = f"arn:aws:iam::{self.number}:role/reader"
        granted = (await sts.assume_role(RoleArn=role, RoleSessionName="test"))["Credentials"]
        self._credentials = {
            "aws_access_key_id": granted["AccessKeyId"],
            "aws_secret_access_key": granted["SecretAccessKey"],
            "aws_session_token": granted["SessionToken"],
        }


@asynccontextmanager
async def account_of(emulator: Emulator, number: str = ACCOUNT) -> AsyncIterator[Account]:
    """Yield an account; without a number, the one that the daemon's own credentials belong to."""
    async with AsyncExitStack() as stack:
        account = Account(number, emulator.endpoint_url, stack)
        if number != ACCOUNT:
            await account.sign_in()
        yield account
