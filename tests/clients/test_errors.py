"""Foreign errors become ours, and their texts stay free of secrets and floods."""

from __future__ import annotations

import socket

import aiohttp
import anyio
import pytest
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    IncompleteReadError,
    NoCredentialsError,
    ParamValidationError,
    SSLError,
    UnauthorizedSSOTokenError,
)
from yarl import URL

from daemon.clients import answered, aws_errors, http_errors, http_status_error
from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError


def _answer(code: str, status: int, message: str = "why", **headers: str) -> ClientError:
    metadata = {"HTTPStatusCode": status, "HTTPHeaders": headers}
    return ClientError({"Error": {"Code": code, "Message": message}, "ResponseMetadata": metadata}, "SendMessage")


@pytest.mark.parametrize(
    ("raised", "error", "kind"),
    [
        (_answer("ThrottlingException", 400), RetryableError, FailureKind.THROTTLED),
        (_answer("Anything", 429), RetryableError, FailureKind.THROTTLED),
        (_answer("KMS.ThrottlingException", 400), RetryableError, FailureKind.THROTTLED),
        (_answer("RequestTimeout", 400), RetryableError, FailureKind.TIMEOUT),
        (_answer("RequestTimeTooSkewed", 403), RetryableError, FailureKind.CREDENTIALS),
        (_answer("KMS.AccessDeniedException", 400), PermanentError, FailureKind.ACCESS_DENIED),
        (_answer("Anything", 403), PermanentError, FailureKind.ACCESS_DENIED),
        (_answer("AWS.SimpleQueueService.NonExistentQueue", 400), PermanentError, FailureKind.NOT_FOUND),
        (_answer("Anything", 404), PermanentError, FailureKind.NOT_FOUND),
        (_answer("Anything", 503), RetryableError, FailureKind.SERVER_ERROR),
        (_answer("InvalidParameter", 400), PermanentError, FailureKind.REFUSED),
        (ClientError({}, "SendMessage"), PermanentError, FailureKind.REFUSED),
        (NoCredentialsError(), RetryableError, FailureKind.CREDENTIALS),
        (UnauthorizedSSOTokenError(), RetryableError, FailureKind.CREDENTIALS),
        (ConnectTimeoutError(endpoint_url="http://x"), RetryableError, FailureKind.TIMEOUT),
        (TimeoutError(), RetryableError, FailureKind.TIMEOUT),
        (EndpointConnectionError(endpoint_url="http://x"), RetryableError, FailureKind.UNREACHABLE),
        (SSLError(endpoint_url="http://x", error="x"), RetryableError, FailureKind.UNREACHABLE),
        (ConnectionClosedError(endpoint_url="http://x"), RetryableError, FailureKind.UNREACHABLE),
        (IncompleteReadError(actual_bytes=1, expected_bytes=2), RetryableError, FailureKind.UNREACHABLE),
        (ParamValidationError(report="x"), PermanentError, FailureKind.REFUSED),
        (BotoCoreError(), PermanentError, FailureKind.REFUSED),
        (KeyError("PublishResult"), RetryableError, FailureKind.SERVER_ERROR),
    ],
)
def test_aws_errors(raised: Exception, error: type[EffectError], kind: FailureKind) -> None:
    """Each has its class, which says whether repeating helps, and its kind."""
    with pytest.raises(error) as caught, aws_errors():
        raise raised
    assert caught.value.kind is kind


def test_why_a_host_is_not_reached_is_said_without_its_url() -> None:
    """The host, for a slip in a region shows nowhere else, and the system's words; no path, query or password."""
    refused, unknown = ConnectionRefusedError(111, "at http://x/secret"), socket.gaierror(-2, "http://x/secret")
    failed = EndpointConnectionError(endpoint_url="https://a:secret@sqs.eu-wst-1.amazonaws.com/1?secret", error="x")
    failed.__cause__ = unknown
    with pytest.raises(RetryableError) as of_aws, aws_errors():
        raise failed
    with pytest.raises(RetryableError) as of_http, http_errors():
        raise OSError("All connection attempts failed") from ExceptionGroup("secret", [refused])

    host = "sqs.eu-wst-1.amazonaws.com"
    assert of_aws.value.detail == f"{host}: EndpointConnectionError: the name of the host is not known"
    assert of_http.value.detail == "OSError: Connection refused"


def test_an_answer_is_quoted_in_part() -> None:
    """The text names operation, code and message, and ends somewhere."""
    with pytest.raises(PermanentError) as caught, aws_errors():
        raise _answer("InvalidParameter", 400, "x" * 100_000)
    assert caught.value.detail.startswith("SendMessage: InvalidParameter: xxx")
    assert len(caught.value.detail) == 500


@pytest.mark.parametrize(("asked", "delay"), [("7", 7.0), ("86400", 60.0), ("soon", None)])
def test_a_gateway_asks_for_a_minute_at_most(asked: str, delay: float | None) -> None:
    """A maintenance page that names a day keeps nobody waiting for a day after it is gone."""
    with pytest.raises(RetryableError) as caught, aws_errors():
        raise _answer("ServiceUnavailable", 503, **{"retry-after": asked})
    assert caught.value.delay == delay


def test_other_errors_pass() -> None:
    """What is ours, and what nobody expected, is left alone."""
    for raised in (PermanentError(FailureKind.REFUSED, "ours"), RuntimeError("a bug")):
        with pytest.raises(type(raised)) as caught, aws_errors(), http_errors():
            raise raised
        assert caught.value is raised


@pytest.mark.parametrize(
    ("raised", "error", "kind"),
    [
        (TimeoutError(), RetryableError, FailureKind.TIMEOUT),
        (aiohttp.ServerTimeoutError(), RetryableError, FailureKind.TIMEOUT),
        (aiohttp.ServerDisconnectedError(), RetryableError, FailureKind.UNREACHABLE),
        (aiohttp.ClientPayloadError(), RetryableError, FailureKind.UNREACHABLE),
        (ConnectionResetError(), RetryableError, FailureKind.UNREACHABLE),
        (anyio.EndOfStream(), RetryableError, FailureKind.UNREACHABLE),
        (anyio.BrokenResourceError(), RetryableError, FailureKind.UNREACHABLE),
        (aiohttp.InvalidURL(URL("http://token")), PermanentError, FailureKind.REFUSED),
        (aiohttp.ClientError("token"), PermanentError, FailureKind.REFUSED),
    ],
)
def test_http_errors(raised: Exception, error: type[EffectError], kind: FailureKind) -> None:
    """Each has its class and kind, and none quotes a URL."""
    with pytest.raises(error) as caught, http_errors():
        raise raised
    assert caught.value.kind is kind
    assert "token" not in str(caught.value)


@pytest.mark.parametrize("status", [*range(100, 200), *range(300, 600)])
def test_every_status_has_an_error(status: int) -> None:
    """Faults of the server and requests to come back later are repeated, everything else is final."""
    error = http_status_error(status, delay=7.0)
    repeated = status in {408, 425, 429} or status >= 500
    assert isinstance(error, RetryableError if repeated else PermanentError)
    assert getattr(error, "delay", 7.0) == 7.0


def test_an_answer_that_aws_did_not_give() -> None:
    """A field that AWS always sends tells its answers from others."""
    assert answered({"MessageId": "1"}, "MessageId") == "1"
    with pytest.raises(RetryableError, match="an answer without MessageId"):
        answered({"ResponseMetadata": {}}, "MessageId")
