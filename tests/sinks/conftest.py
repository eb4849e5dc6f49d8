"""The rig of every sink, one after the other."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from daemon.clients import AwsClients, AwsSettings
from daemon.sinks import SINKS
from tests.emulators import clients_of
from tests.sinks.rigs import Rig, file_rig, sns_rig, sqs_rig, stdout_rig, webhook_rig
from tests.sinks.services import SERVICES

_EMULATORS = {"sns": "ministack", "sqs": "roto"}


@pytest.fixture(params=sorted(SINKS.keys() - SERVICES))
async def rig(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Rig]:
    """Yield each sink that hands the body on as it is, opened, with its other end."""
    kind = request.param
    aws = clients_of(request.getfixturevalue(_EMULATORS[kind])) if kind in _EMULATORS else AwsClients(AwsSettings())
    rigs: dict[str, AbstractAsyncContextManager[Rig]] = {
        "file": file_rig(aws, tmp_path),
        "sns": sns_rig(aws),
        "sqs": sqs_rig(aws),
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
