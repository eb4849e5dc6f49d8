"""The rig of every sink, one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from daemon.clients import AwsClients, AwsSettings
from daemon.sinks import SINKS
from tests.emulators import clients_of
from tests.faults import FaultProxy
from tests.sinks.aws_rigs import AWS_RIGS
from tests.sinks.aws_services import AWS_FORMS
from tests.sinks.rigs import Rig, file_rig, mail_rig, service_rig, stdout_rig, webhook_rig
from tests.sinks.services import MAIL, SERVICES


@asynccontextmanager
async def _opened(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Rig]:
    """Yield the rig of the kind that is the fixture's parameter, opened."""
    kind = request.param
    emulator = AWS_RIGS[kind][0] if kind in AWS_RIGS else None
    aws = clients_of(request.getfixturevalue(emulator)) if emulator else AwsClients(AwsSettings())
    rigs: dict[str, AbstractAsyncContextManager[Rig]] = {
        **{service: service_rig(aws, service) for service in SERVICES},
        **{aws_kind: make(aws) for aws_kind, (_, make) in AWS_RIGS.items()},
        "file": file_rig(aws, folder),
        "smtp": mail_rig(aws),
        "stdout": stdout_rig(aws, request.getfixturevalue("capfd")),
        "webhook": webhook_rig(aws),
    }
    try:
        async with rigs[kind] as rig:
            await rig.sink.open()
            yield rig
            await rig.sink.close()
    finally:
        await aws.close()


@pytest.fixture(params=sorted(SINKS.keys() - SERVICES - MAIL - AWS_FORMS))
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    """Yield each sink that hands the body on as it is, opened, with its other end."""
    async with _opened(request, tmp_path) as rig:
        yield rig


@pytest.fixture(params=sorted(SINKS))
async def every_rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    """Yield each sink there is, opened, with its other end."""
    async with _opened(request, tmp_path) as rig:
        yield rig


@pytest.fixture(params=sorted(AWS_RIGS))
async def aws_rig(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Rig, FaultProxy]]:
    """Yield each sink that calls AWS with its other end, and a way to the emulator that sees which calls are made."""
    emulator, make = AWS_RIGS[request.param]
    aws = clients_of(request.getfixturevalue(emulator))
    try:
        async with make(aws) as rig, FaultProxy(request.getfixturevalue(emulator).endpoint_url) as proxy:
            yield rig, proxy
    finally:
        await aws.close()
