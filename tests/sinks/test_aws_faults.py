"""What AWS in particular does to the sinks that call it; a server on loopback takes its place."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from daemon.clients import AwsClients, AwsSettings
from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError
from daemon.sinks.base import Sink
from tests.emulators import REGION
from tests.servers import Answer, Server, serve, status, truncated
from tests.sinks.aws_services import AWS_KINDS, Error
from tests.sinks.examples import notice
from tests.sinks.rigs import build_sink

pytestmark = pytest.mark.anyio


@dataclass(frozen=True, slots=True)
class Faulty:
    """A server that a sink takes for AWS."""

    server: Server
    aws: AwsClients
    kind: str

    def sink(self, answer: Answer) -> Sink:
        """Return the sink, and let the server answer so from now on."""
        self.server.answers = [answer]
        options = {"type": self.kind, **AWS_KINDS[self.kind].options}
        return build_sink(self.aws, options)


@pytest.fixture(scope="module", params=sorted(AWS_KINDS))
async def faulty(request: pytest.FixtureRequest) -> AsyncIterator[Faulty]:
    """Yield one for each kind: making clients takes long, so tests share them."""
    async with serve() as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url))
        yield Faulty(server, aws, request.param)
        await aws.close()


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (lambda error: error(403, "ExpiredTokenException"), FailureKind.CREDENTIALS),
        (lambda error: error(400, "ThrottlingException"), FailureKind.THROTTLED),
        (lambda _: status(503), FailureKind.SERVER_ERROR),
        (lambda _: status(200, {"Content-Type": "text/html"}, b"<html>"), FailureKind.SERVER_ERROR),
        (lambda _: truncated, FailureKind.UNREACHABLE),
    ],
)
async def test_each_failure_has_its_kind(faulty: Faulty, answer: Callable[[Error], Answer], kind: FailureKind) -> None:
    """Expired credentials, a rate, half an answer and a page of a proxy may pass, for sending and for checking."""
    sink = faulty.sink(answer(AWS_KINDS[faulty.kind].error))
    for attempt in (sink.send(notice()), sink.check()):
        with pytest.raises(EffectError) as raised:
            await attempt
        assert (kind, RetryableError) == (raised.value.kind, type(raised.value))


async def test_what_is_not_there_is_named_so(faulty: Faulty) -> None:
    """A stream, address or hub that was deleted is told apart from a refusal: people may make it again."""
    sink = faulty.sink(AWS_KINDS[faulty.kind].error(400, AWS_KINDS[faulty.kind].unknown))
    with pytest.raises(PermanentError, match="not_found"):
        await sink.send(notice())
