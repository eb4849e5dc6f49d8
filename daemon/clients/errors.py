"""Translates what aiobotocore and aiohttp raise into our own errors: one table for each, in one place."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import anyio
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    EndpointConnectionError,
    HTTPClientError,
    IncompleteReadError,
    MetadataRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    SSOError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as AwsConnectionError
from botocore.parsers import ResponseParserError

from daemon.clients.http import retry_after_seconds
from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError

_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "LimitExceededException",
        "OverLimit",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "Throttled",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
        "TransactionInProgressException",
        "KMSThrottling",
        "KMSThrottlingException",
        "KmsThrottled",
    }
)
"""botocore's own list of throttling codes (botocore/retries/standard.py) and those that services add for KMS."""

_TIMED_OUT = frozenset({"RequestTimeout", "RequestTimeoutException"})

_CREDENTIALS = frozenset(
    {
        "AuthFailure",
        "ExpiredToken",
        "ExpiredTokenException",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSignatureException",
        "InvalidToken",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    }
)
"""Keys that are expired, revoked, or signed with by a wrong clock; the next ones may work."""

_DENIED = frozenset(
    {
        "AccessDenied",
        "AccessDeniedException",
        "AccountSuspendedException",
        "AuthorizationError",
        "KMSAccessDenied",
        "KMSAccessDeniedException",
        "KmsAccessDenied",
        "MailFromDomainNotVerifiedException",
        "SendingPausedException",
    }
)
"""SES's three among them: a person has to allow it again, or to verify the domain."""
_NOT_FOUND = frozenset(
    {"NotFound", "NotFoundException", "QueueDoesNotExist", "NonExistentQueue", "ResourceNotFoundException"}
)
_KIND_OF_CODE = {
    **dict.fromkeys(_THROTTLED, FailureKind.THROTTLED),
    **dict.fromkeys(_TIMED_OUT, FailureKind.TIMEOUT),
    **dict.fromkeys(_CREDENTIALS, FailureKind.CREDENTIALS),
    **dict.fromkeys(_DENIED, FailureKind.ACCESS_DENIED),
    **dict.fromkeys(_NOT_FOUND, FailureKind.NOT_FOUND),
}
_KIND_OF_STATUS = {
    401: FailureKind.ACCESS_DENIED,
    403: FailureKind.ACCESS_DENIED,
    404: FailureKind.NOT_FOUND,
    407: FailureKind.ACCESS_DENIED,
    408: FailureKind.TIMEOUT,
    410: FailureKind.NOT_FOUND,
    425: FailureKind.SERVER_ERROR,
    429: FailureKind.THROTTLED,
}
"""RFC 9110, RFC 6585 and RFC 8470; what is not listed is a fault of the server from 500 on, else a refusal."""

_WORTH_REPEATING = frozenset(
    {FailureKind.THROTTLED, FailureKind.TIMEOUT, FailureKind.CREDENTIALS, FailureKind.SERVER_ERROR}
)
_NO_CREDENTIALS = (
    CredentialRetrievalError,
    MetadataRetrievalError,
    NoCredentialsError,
    PartialCredentialsError,
    SSOError,
    TokenRetrievalError,
)
_UNREADABLE = (ResponseParserError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What botocore's parsers were seen to raise for answers that do not come from AWS: the pages of proxies, cut text."""

_MOST_ASKED_SECONDS = 60.0
_MOST_BEHIND = 10
_LONGEST_DETAIL = 500
"""Characters of what the other side says that are kept."""


@contextmanager
def aws_errors() -> Iterator[None]:
    """Raise RetryableError or PermanentError for whatever an AWS client raises inside the block: put one call there."""
    try:
        yield
    except ClientError as error:
        raise _from_answer(error) from error
    except _NO_CREDENTIALS as error:
        places = "; looked in the environment, the profile and the role of the host"
        detail = str(error)[:_LONGEST_DETAIL] + (places if isinstance(error, NoCredentialsError) else "")
        raise RetryableError(FailureKind.CREDENTIALS, detail) from error
    except (ConnectTimeoutError, ReadTimeoutError, TimeoutError) as error:
        raise RetryableError(FailureKind.TIMEOUT, type(error).__name__) from error
    except EndpointConnectionError as error:
        # The host, because a slip in a region shows nowhere else.
        host = urlsplit(str(error.kwargs.get("endpoint_url", ""))).netloc.rpartition("@")[2]
        raise RetryableError(FailureKind.UNREACHABLE, f"{host}: {_in_words(error)}") from error
    except (AwsConnectionError, HTTPClientError, IncompleteReadError, aiohttp.ClientError, OSError) as error:
        raise RetryableError(FailureKind.UNREACHABLE, _in_words(error)) from error
    except BotoCoreError as error:
        raise PermanentError(FailureKind.REFUSED, str(error)[:_LONGEST_DETAIL]) from error
    except _UNREADABLE as error:
        raise RetryableError(FailureKind.SERVER_ERROR, f"unreadable answer: {type(error).__name__}") from error


def answered(answer: Mapping[str, Any], field: str) -> Any:
    """Return a field that every answer of AWS to this call has.

    Raises RetryableError where it is missing: botocore takes any text that comes with status 200 for an answer, the
    page of a proxy included.
    """
    if field not in answer:
        raise RetryableError(FailureKind.SERVER_ERROR, f"an answer without {field}")
    return answer[field]


def entry_error(entry: Mapping[str, Any]) -> EffectError:
    """Return the error that one entry of an answer's `Failed` list stands for (BatchResultErrorEntry of SQS, SNS)."""
    status = 400 if entry.get("SenderFault", False) else 500
    return _from_code(str(entry.get("Code", "")), status, "", str(entry.get("Message", "")))


def _from_answer(error: ClientError) -> EffectError:
    answer = error.response.get("Error", {})
    metadata = error.response.get("ResponseMetadata", {})
    status = int(metadata.get("HTTPStatusCode", 0))
    found = _from_code(str(answer.get("Code", "")), status, f"{error.operation_name}: ", str(answer.get("Message", "")))
    if isinstance(found, RetryableError):
        # AWS names no time; gateways and proxies in front of it do.  A maintenance page that names a day must not keep
        # a queue unread for a day after it is gone.
        asked = retry_after_seconds(metadata.get("HTTPHeaders", {}).get("retry-after"))
        found.delay = None if asked is None else min(asked, _MOST_ASKED_SECONDS)
    return found


def _from_code(code: str, status: int, operation: str, message: str) -> EffectError:
    name = code.rsplit(".", 1)[-1]
    kind = _KIND_OF_CODE.get(name) or _kind_of_status(status)
    detail = operation + code
    if kind is not FailureKind.CREDENTIALS:
        # For a wrong signature AWS quotes the request's headers, session token included: that message stays out.
        detail = f"{detail}: {message}"[:_LONGEST_DETAIL]
    error = _error(kind, detail)
    error.code = name
    return error


def _kind_of_status(status: int) -> FailureKind:
    return _KIND_OF_STATUS.get(status, FailureKind.SERVER_ERROR if status >= 500 else FailureKind.REFUSED)


def _error(kind: FailureKind, detail: str, delay: float | None = None) -> EffectError:
    return RetryableError(kind, detail, delay) if kind in _WORTH_REPEATING else PermanentError(kind, detail)


@contextmanager
def http_errors() -> Iterator[None]:
    """Raise RetryableError or PermanentError for whatever aiohttp raises; URLs stay out of the text.

    What may hold the URL or the request's headers is not chained either.
    """
    try:
        yield
    except TimeoutError as error:
        raise RetryableError(FailureKind.TIMEOUT, "no answer in time") from error
    except aiohttp.InvalidURL:
        raise PermanentError(FailureKind.REFUSED, "not a URL") from None
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError) as error:
        raise RetryableError(FailureKind.UNREACHABLE, _in_words(error)) from error
    except (anyio.BrokenResourceError, anyio.EndOfStream) as error:
        raise RetryableError(FailureKind.UNREACHABLE, "cut off during the TLS handshake") from error
    except aiohttp.ClientResponseError:
        raise RetryableError(FailureKind.SERVER_ERROR, "the answer is not HTTP") from None
    except aiohttp.ClientError as error:
        raise PermanentError(FailureKind.REFUSED, type(error).__name__) from None


def _in_words(error: BaseException) -> str:
    """Return the type of a failure to connect and, from the errors behind it, the system's words: never a URL."""
    behind: BaseException | None = error
    for _ in range(_MOST_BEHIND):
        if isinstance(behind, socket.gaierror):
            return f"{type(error).__name__}: the name of the host is not known"
        if isinstance(behind, BaseExceptionGroup):
            behind = behind.exceptions[0]
        elif isinstance(behind, OSError) and type(behind.errno) is int and behind.errno > 0:
            return f"{type(error).__name__}: {os.strerror(behind.errno)}"
        elif behind is None:
            break
        else:
            behind = getattr(behind, "os_error", None) or behind.__cause__ or behind.__context__
    return type(error).__name__


def http_status_error(status: int, delay: float | None = None) -> EffectError:
    """Return the error for a status that is not 2xx; `delay` is what Retry-After asks for, in seconds.

    A redirect counts as refused: following it would hand the request's secrets to a host nobody configured.
    """
    return _error(_kind_of_status(status), f"HTTP {status}", delay)
