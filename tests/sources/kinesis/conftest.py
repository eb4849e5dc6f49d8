"""A stream of two shards behind the proxy, and sources that read it at the pace of a test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from daemon.clients import AwsClients
from daemon.sources.base import SourceContext
from daemon.sources.kinesis import KinesisConfig, KinesisSource
from tests.sources.streams import Stream, make_stream

SourceOf = Callable[..., KinesisSource]


@pytest.fixture
async def stream(aws: AwsClients) -> Stream:
    return await make_stream(aws, shards=2)


@pytest.fixture
def source_of(context: SourceContext) -> SourceOf:
    """Return a function that makes a source: a stream, and whatever else the configuration should say."""

    def make(stream: Stream, context: SourceContext = context, **config: object) -> KinesisSource:
        fields = {"stream_name": stream.name, "start": "TRIM_HORIZON", "idle_poll_seconds": 0.2, **config}
        return KinesisSource("events", KinesisConfig.model_validate(fields), context)

    return make
