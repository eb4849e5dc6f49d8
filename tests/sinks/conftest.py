"""The rig of every sink, one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from daemon.clients import AwsClients, AwsSettings
from daemon.sinks import SINKS
from tests.emulators import clients_of
from tests.sinks.aws_services import AWS_FORMS
from tests.sinks.rigs import Rig, file_rig, firehose_rig, kinesis_rig, sns_rig, sqs_rig, stdout_rig, webhook_rig
from tests.sinks.services import MAIL, SERVICES

_AWS_RIGS = {"firehose": firehose_rig, "kinesis": kinesis_rig, "sns": sns_rig, "sqs": sqs_rig}
_EMULATORS = {"firehose": "moto", "kinesis": "roto", "sns": "ministack", "sqs": "roto"}


@pytest.fixture(params=sorted(SINKS.keys() - SERVICES - MAIL - AWS_FORMS))
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    """Yield each sink that hands the body on as it is, opened, with its other end."""
    kind = request.param
    aws = clients_of(request.getfixturevalue(_EMULATORS[kind])) if kind in _EMULATORS else AwsClients(AwsSettings())
    rigs: dict[str, AbstractAsyncContextManager[Rig]] = {
        **{aws_kind: make(aws) for aws_kind, make in _AWS_RIGS.items()},
        "file": file_rig(aws, tmp_path),
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


@pytest.fixture(params=sorted(_EMULATORS))
async def aws_rig(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Rig, str]]:
    """Yield each sink that calls AWS with its other end, and where the emulator answers."""
    emulator = request.getfixturevalue(_EMULATORS[request.param])
    aws = clients_of(emulator)
    try:
        async with _AWS_RIGS[request.param](aws) as rig:
            yield rig, emulator.endpoint_url
    finally:
        await aws.close()
