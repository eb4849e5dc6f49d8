"""Webhooks against a server that answers well, badly and not at all."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from email.utils import formatdate
from pathlib import Path
from typing import Any

import anyio
import pytest

from daemon.clients import AwsClients, AwsSettings
from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError
from daemon.sinks.base import Sink
from daemon.sinks.text import PLAIN_TEXT
from tests.certificates import make_certificate
from tests.emulators import free_port
from tests.servers import Answer, cut, garbage, serve, silence, status
from tests.sinks.examples import notice
from tests.sinks.rigs import build_sink

pytestmark = pytest.mark.anyio

SECRET = "0123456789abcdef"


@asynccontextmanager
async def _open(**options: Any) -> AsyncIterator[Sink]:
    sink = build_sink(AwsClients(AwsSettings()), {"type": "webhook", **options})
    await sink.open()
    try:
        yield sink
    finally:
        await sink.close()


async def _failure(*answers: Answer, **options: Any) -> EffectError:
    async with serve(*answers) as server, _open(url=server.url, **options) as sink:
        with pytest.raises(EffectError) as caught:
            await sink.send(notice())
        return caught.value


async def test_the_request() -> None:
    """Body, type, key and configured headers arrive; without a secret nothing is signed."""
    async with serve() as server, _open(url=f"{server.url}/in?a=b", headers={"Authorization": "Bearer t"}) as sink:
        sent = notice()
        await sink.send(sent)
        await sink.send(replace(sent, body="\u20ac".encode(), content_type=PLAIN_TEXT))
    first, second = server.requests
    assert (first.method, first.path, first.body) == ("POST", "/in?a=b", sent.body)
    assert first.headers["Content-Type"] == "application/json"
    assert first.headers["Idempotency-Key"] == sent.key
    assert first.headers["Authorization"] == "Bearer t"
    assert not [name for name in first.headers if name.startswith("Vigild-")]
    assert (second.body, second.headers["Content-Type"]) == ("\u20ac".encode(), "text/plain; charset=utf-8")


async def test_the_signature() -> None:
    """A receiver that follows the documented scheme comes to the same signature, over a timestamp of now."""
    async with serve() as server, _open(url=server.url, secret=SECRET) as sink:
        await sink.send(notice())
    (request,) = server.requests
    timestamp = request.headers["Vigild-Timestamp"]
    expected = hmac.new(SECRET.encode(), f"{timestamp}.".encode() + request.body, hashlib.sha256).hexdigest()
    assert request.headers["Vigild-Signature"] == f"v1={expected}"
    assert abs(int(timestamp) - time.time()) < 300


@pytest.mark.parametrize("code", [200, 201, 202, 204, 299])
async def test_2xx_is_taken(code: int) -> None:
    """Any 2xx means that the notice was taken, whatever the body says or lacks."""
    async with serve(status(code)) as server, _open(url=server.url) as sink:
        await sink.send(notice())
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (301, FailureKind.REFUSED),
        (400, FailureKind.REFUSED),
        (401, FailureKind.ACCESS_DENIED),
        (403, FailureKind.ACCESS_DENIED),
        (404, FailureKind.NOT_FOUND),
        (410, FailureKind.NOT_FOUND),
        (413, FailureKind.REFUSED),
        (422, FailureKind.REFUSED),
    ],
)
async def test_other_answers_are_permanent(code: int, kind: FailureKind) -> None:
    """What repeating cannot change is a PermanentError with its kind."""
    failure = await _failure(status(code))
    assert (type(failure), failure.kind) == (PermanentError, kind)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (408, FailureKind.TIMEOUT),
        (425, FailureKind.SERVER_ERROR),
        (429, FailureKind.THROTTLED),
        (500, FailureKind.SERVER_ERROR),
        (502, FailureKind.SERVER_ERROR),
        (503, FailureKind.SERVER_ERROR),
        (504, FailureKind.SERVER_ERROR),
    ],
)
async def test_passing_faults_are_retryable(code: int, kind: FailureKind) -> None:
    """What may be over next time is a RetryableError; without Retry-After it asks for no wait."""
    failure = await _failure(status(code))
    assert isinstance(failure, RetryableError)
    assert (failure.kind, failure.delay) == (kind, None)


@pytest.mark.parametrize("code", [429, 503])
@pytest.mark.parametrize("date", [False, True], ids=["seconds", "date"])
async def test_retry_after_is_handed_on(code: int, *, date: bool) -> None:
    """The wait that the other side asks for arrives in the error, from either form of the header."""
    value = formatdate(time.time() + 120, usegmt=True) if date else "120"
    failure = await _failure(status(code, {"Retry-After": value}))
    assert isinstance(failure, RetryableError)
    assert failure.delay == pytest.approx(120, abs=30)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(cut, FailureKind.UNREACHABLE), (garbage, FailureKind.SERVER_ERROR), (silence, FailureKind.TIMEOUT)],
)
async def test_no_answer_is_retryable(answer: Answer, kind: FailureKind) -> None:
    """A reset connection, nonsense and silence are repeated."""
    failure = await _failure(answer, timeout_seconds=0.3)
    assert (type(failure), failure.kind) == (RetryableError, kind)


async def test_nobody_listening_is_retryable() -> None:
    """A server that is down is repeated, by sending and by checking."""
    async with _open(url=f"http://127.0.0.1:{free_port()}/") as sink:
        with pytest.raises(RetryableError, match="unreachable"):
            await sink.send(notice())
        with pytest.raises(RetryableError, match="unreachable"):
            await sink.check()


async def test_redirects_are_not_followed() -> None:
    """Neither body nor headers go to a host that a server names."""
    async with serve() as elsewhere:
        failure = await _failure(status(307, {"Location": elsewhere.url}), headers={"Authorization": "Bearer t"})
    assert isinstance(failure, PermanentError)
    assert elsewhere.requests == []


async def test_a_large_answer_is_not_read() -> None:
    """An answer without end costs neither memory nor time."""
    async with serve(status(200, body=b"x" * 20_000_000)) as server, _open(url=server.url) as sink:
        for _ in range(3):
            await sink.send(notice())
    assert len(server.requests) == 3


async def test_connections_stay_within_the_limit() -> None:
    """No more than max_concurrency requests are under way to the other side."""
    under_way, most = 0, 0

    async def slow(request: Any) -> Any:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await anyio.sleep(0.02)
        under_way -= 1
        return await status(200)(request)

    async with (
        serve(slow) as server,
        _open(url=server.url, max_concurrency=2) as sink,
        anyio.create_task_group() as group,
    ):
        for _ in range(6):
            group.start_soon(sink.send, notice())
    assert most == 2


async def test_files_are_read_again(tmp_path: Path) -> None:
    """URL and secret may be renewed while the daemon runs."""
    url_file, secret_file = anyio.Path(tmp_path / "url"), anyio.Path(tmp_path / "secret")
    async with serve() as first, serve() as second:
        await url_file.write_text(f"{first.url}/\n")
        await secret_file.write_text(f"{SECRET}\n")
        async with _open(url_file=str(url_file), secret_file=str(secret_file)) as sink:
            await sink.send(notice())
            await url_file.write_text(second.url)
            await sink.send(notice())
            await secret_file.unlink()
            with pytest.raises(RetryableError, match=r"credentials: .*No such file"):
                await sink.send(notice())
            await url_file.write_bytes(b"gopher://\xff")
            with pytest.raises(RetryableError, match="not UTF-8"):
                await sink.send(notice())
    assert [len(server.requests) for server in (first, second)] == [1, 1]


async def test_tls_is_verified(tmp_path: Path) -> None:
    """A certificate nobody vouches for ends the call before anything is sent; ca_file vouches for it."""
    context, ca_file = make_certificate(tmp_path)
    async with serve(tls=context) as server:
        async with _open(url=server.url) as sink:
            with pytest.raises(RetryableError, match="unreachable"):
                await sink.send(notice())
            with pytest.raises(RetryableError, match="unreachable"):
                await sink.check()
        assert server.requests == []
        async with _open(url=server.url, ca_file=str(ca_file)) as sink:
            assert await sink.check() == f"{server.url}: connected"
            await sink.send(notice())
        assert len(server.requests) == 1


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_useless_ca_file_keeps_the_sink_from_opening(tmp_path: Path, content: str | None) -> None:
    """Without the certificates to trust, nothing is sent; the file may still come."""
    ca_file = anyio.Path(tmp_path / "ca.pem")
    if content is not None:
        await ca_file.write_text(content)
    with pytest.raises(RetryableError, match="ca_file"):
        async with _open(url="https://127.0.0.1/", ca_file=str(ca_file)):
            pass


async def test_a_sink_that_is_not_open_says_so() -> None:
    """Sending before open or after close is an error, not a crash."""
    sink = build_sink(AwsClients(AwsSettings()), {"type": "webhook", "url": "http://127.0.0.1/"})
    with pytest.raises(RetryableError, match="not open"):
        await sink.send(notice())
