"""Translates what aiobotocore and aiohttp raise into our own errors: one table for each, in one place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import aiohttp
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    CredentialRetrievalError,
    HTTPClientError,
    NoCredentialsError,
    PartialCredentialsError,
    ReadTimeoutError,
    TokenRetrievalError,
)
from botocore.exceptions import ConnectionError as ConnectFailedError

from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError

_THROTTLED = frozenset(
    {
        "BandwidthLimitExceeded",
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
        "KMS.ThrottlingException",
        "KmsThrottled",
    }
)
"""botocore's own list of throttling codes (botocore/retries/standard.py) and those SQS and SNS add for KMS."""

_CREDENTIALS = frozenset(
    {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "InvalidClientTokenId", "UnrecognizedClientException"}
)
_DENIED = frozenset({"AccessDenied", "AccessDeniedException", "AuthorizationError", "KMSAccessDeniedException"})
_NOT_FOUND = frozenset({"NotFound", "QueueDoesNotExist", "NonExistentQueue", "ResourceNotFoundException"})


@contextmanager
def aws_errors() -> Iterator[None]:
    """Raise RetryableError or PermanentError for whatever an AWS client raises inside the block."""
    try:
        yield
    except ClientError as error:
        raise _from_answer(error) from error
    except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError, TokenRetrievalError) as error:
        raise RetryableError(FailureKind.CREDENTIALS, str(error)) from error
    except (ConnectTimeoutError, ReadTimeoutError, TimeoutError) as error:
        raise RetryableError(FailureKind.TIMEOUT, type(error).__name__) from error
    except (HTTPClientError, ConnectFailedError, aiohttp.ClientError, OSError) as error:
        raise RetryableError(FailureKind.UNREACHABLE, type(error).__name__) from error
    except BotoCoreError as error:
        raise PermanentError(FailureKind.REFUSED, str(error)) from error


def entry_error(entry: Mapping[str, Any]) -> EffectError:
    """Return the error that one entry of an answer's `Failed` list stands for (BatchResultErrorEntry of SQS, SNS)."""
    code = str(entry.get("Code", ""))
    return _from_code(code, 400 if entry.get("SenderFault", False) else 500, f"{code}: {entry.get('Message', '')}")


def _from_answer(error: ClientError) -> EffectError:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    return _from_code(
        code, status, f"{error.operation_name}: {code}: {error.response.get('Error', {}).get('Message', '')}"
    )


def _from_code(code: str, status: int, detail: str) -> EffectError:
    name = code.rsplit(".", 1)[-1]
    if code in _THROTTLED or name in _THROTTLED or status == 429:
        return RetryableError(FailureKind.THROTTLED, detail)
    if name in _CREDENTIALS:
        return RetryableError(FailureKind.CREDENTIALS, detail)
    if name in _DENIED:
        return PermanentError(FailureKind.ACCESS_DENIED, detail)
    if name in _NOT_FOUND or status == 404:
        return PermanentError(FailureKind.NOT_FOUND, detail)
    if status >= 500:
        return RetryableError(FailureKind.SERVER_ERROR, detail)
    return PermanentError(FailureKind.REFUSED, detail)


@contextmanager
def http_errors() -> Iterator[None]:
    """Raise RetryableError or PermanentError for whatever aiohttp raises; URLs stay out of the text."""
    try:
        yield
    except TimeoutError as error:
        raise RetryableError(FailureKind.TIMEOUT, "no answer in time") from error
    except aiohttp.InvalidURL as error:
        raise PermanentError(FailureKind.REFUSED, "not a URL") from error
    except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError, OSError) as error:
        raise RetryableError(FailureKind.UNREACHABLE, type(error).__name__) from error
    except aiohttp.ClientError as error:
        raise PermanentError(FailureKind.REFUSED, type(error).__name__) from error
