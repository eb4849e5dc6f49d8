"""The only place that builds AWS and HTTP clients and knows their errors; what is above speaks our own errors.

sources/, sinks/ (later actions/, state/) get an `AwsClients` and a way to translate errors from here.
"""

from __future__ import annotations

from daemon.clients.aws import AwsClients, AwsSettings
from daemon.clients.errors import answered, aws_errors, entry_error, http_errors, http_status_error
from daemon.clients.http import open_session, retry_after, tls_context, try_connecting
from daemon.clients.secrets import Secrets, SecretSettings
from daemon.region import region_of

__all__ = (
    "AwsClients",
    "AwsSettings",
    "SecretSettings",
    "Secrets",
    "answered",
    "aws_errors",
    "entry_error",
    "http_errors",
    "http_status_error",
    "open_session",
    "region_of",
    "retry_after",
    "tls_context",
    "try_connecting",
)
