"""What failures mean to the sinks that call AWS, against a server on loopback that takes AWS's place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from daemon.clients import AwsClients, AwsSettings
from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError
from daemon.sinks.base import Sink
from tests.emulators import REGION
from tests.servers import Answer, Server, cut, garbage, serve, silence, status, truncated
from tests.sinks.aws_services import AWS_KINDS, aws_error
from tests.sinks.examples import notice
from tests.sinks.rigs import build_sink

pytestmark = pytest.mark.anyio

FINAL = {FailureKind.REFUSED, FailureKind.ACCESS_DENIED, FailureKind.NOT_FOUND}


@dataclass(frozen=True, slots=True)
class Faulty:
    """A server that a sink takes for AWS."""

    server: Server
    aws: AwsClients
    kind: str

    def sink(self, answer: Answer, timeout_seconds: float = 10.0) -> Sink:
        """Return the sink, and let the server answer so from now on."""
        self.server.answers = [answer]
        options = {"type": self.kind, "timeout_seconds": timeout_seconds, **AWS_KINDS[self.kind].options}
        return build_sink(self.aws, options)


@pytest.fixture(scope="module", params=sorted(AWS_KINDS))
async def faulty(request: pytest.FixtureRequest) -> AsyncIterator[Faulty]:
    """Yield one for each kind: making clients takes long, so tests share them."""
    async with serve() as server:
        aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url))
        yield Faulty(server, aws, request.param)
        await aws.close()


@pytest.mark.parametrize(
    ("answer", "kind", "delay"),
    [
        (aws_error(400, "ValidationException"), FailureKind.REFUSED, None),
        (aws_error(400, "AccessDeniedException"), FailureKind.ACCESS_DENIED, None),
        (aws_error(403, "ExpiredTokenException"), FailureKind.CREDENTIALS, None),
        (aws_error(400, "ThrottlingException"), FailureKind.THROTTLED, None),
        (aws_error(429, "TooManyRequestsException", {"Retry-After": "17"}), FailureKind.THROTTLED, 17.0),
        (aws_error(500, "InternalFailure"), FailureKind.SERVER_ERROR, None),
        (status(503), FailureKind.SERVER_ERROR, None),
        (status(200, {"Content-Type": "text/html"}, b"<html>"), FailureKind.SERVER_ERROR, None),
        (cut, FailureKind.UNREACHABLE, None),
        (truncated, FailureKind.UNREACHABLE, None),
        (garbage, FailureKind.UNREACHABLE, None),
    ],
)
async def test_each_failure_has_its_kind(
    faulty: Faulty, answer: Answer, kind: FailureKind, delay: float | None
) -> None:
    """What may pass is worth repeating, what cannot is not, for sending and for checking."""
    sink = faulty.sink(answer)
    for attempt in (sink.send(notice()), sink.check()):
        with pytest.raises(EffectError) as raised:
            await attempt
        expected = PermanentError if kind in FINAL else RetryableError
        assert (kind, expected) == (raised.value.kind, type(raised.value))
        assert delay == getattr(raised.value, "delay", None)


async def test_silence_is_a_timeout(faulty: Faulty) -> None:
    """A service that takes the call and never answers holds up an alert for timeout_seconds, then it is repeated."""
    with pytest.raises(RetryableError, match="timeout"):
        await faulty.sink(silence, timeout_seconds=0.5).send(notice())


async def test_what_is_not_there_is_named_so(faulty: Faulty) -> None:
    """A stream, address or hub that was deleted is told apart from a refusal: people may make it again."""
    sink = faulty.sink(aws_error(400, AWS_KINDS[faulty.kind].unknown))
    with pytest.raises(PermanentError, match="not_found"):
        await sink.send(notice())
