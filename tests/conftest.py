"""Fixtures for all tests: emulators, AWS clients that reach them, and an event loop on which nothing of ours blocks."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import settings

from daemon.clients import AwsClients
from tests.emulators import CREDENTIALS, Emulator, clients_of, run_ministack, run_moto, run_roto

# A busy machine makes an example slow, not wrong.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """Run the tests marked `anyio` on asyncio."""
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def _blocking_calls_fail() -> Iterator[None]:
    """Fail the test in which code under daemon/ makes a blocking call on the event loop.

    Making an AWS client reads botocore's service models from disk: once a service, at start-up, so that may block, and
    so may reading the shared AWS configuration for where those models are, and for the region.
    So is reading the rules; a reload does it in a thread.
    A scrape reads /proc, on the event loop of the endpoints' own thread.
    """
    with blockbuster_ctx("daemon") as detector:
        for function in detector.functions.values():
            function.can_block_in("aiobotocore/session.py", {"_create_client"})
            function.can_block_in("daemon/clients/aws.py", {"__init__", "region"})
            function.can_block_in("daemon/assembly.py", {"rules_of"})
            function.can_block_in("prometheus_client/process_collector.py", {"collect"})
        yield


@pytest.fixture(scope="session", autouse=True)
def _made_up_credentials() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("AWS_PROFILE", raising=False)
        patch.delenv("AWS_SESSION_TOKEN", raising=False)
        for name, value in CREDENTIALS.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="session")
def roto() -> Iterator[Emulator]:
    """Yield a running roto-aws: SQS, Kinesis, DynamoDB."""
    with run_roto() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def ministack() -> Iterator[Emulator]:
    """Yield a running ministack: SNS, EventBridge, SQS, Lambda."""
    with run_ministack() as emulator:
        yield emulator


@pytest.fixture(scope="session")
def moto() -> Iterator[Emulator]:
    """Yield a running moto server: control planes."""
    with run_moto() as emulator:
        yield emulator


@pytest.fixture
async def roto_clients(roto: Emulator) -> AsyncIterator[AwsClients]:
    """Yield AWS clients that reach roto-aws."""
    clients = clients_of(roto)
    yield clients
    await clients.close()


@pytest.fixture
async def ministack_clients(ministack: Emulator) -> AsyncIterator[AwsClients]:
    """Yield AWS clients that reach ministack."""
    clients = clients_of(ministack)
    yield clients
    await clients.close()


@pytest.fixture
async def moto_clients(moto: Emulator) -> AsyncIterator[AwsClients]:
    """Yield AWS clients that reach moto."""
    clients = clients_of(moto)
    yield clients
    await clients.close()
