"""Looks into aiobotocore's way of making one call, and may put an answer in the place of sending.

call.py opens a tap around a call of the client; the handlers hang on botocore's public events and do nothing outside
of one.  https://docs.aws.amazon.com/boto3/latest/guide/events.html, and botocore/endpoint.py for what each one is given
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from aiobotocore.awsrequest import AioAWSResponse


class Tap:
    """What was seen of one call; None for what it did not come to."""

    def __init__(self, response: AioAWSResponse) -> None:
        self.response = response
        """Is taken for the answer; nothing is sent."""
        self.request: Any = None
        """The request, signed."""
        self.signer: Any = None
        self.signing_name = ""
        self.signature_version = ""
        self.http: Any = None
        """aiobotocore's HTTP session, which sends for this client."""


_TAP: ContextVar[Tap | None] = ContextVar("vigild_tap", default=None)


@contextmanager
def tapped(tap: Tap) -> Iterator[None]:
    """Look into the one call made inside the block."""
    token = _TAP.set(tap)
    try:
        yield
    finally:
        _TAP.reset(token)


def fit_taps(client: Any, operation: str) -> None:
    """Hang the handlers on an operation of a client; a second time changes nothing."""
    service = client.meta.service_model.service_id.hyphenize()
    for event, handler in (("before-sign", _signing), ("before-send", _sending), ("needs-retry", _answered)):
        client.meta.events.register(f"{event}.{service}.{operation}", handler, unique_id=f"vigild-{event}-{operation}")


def answer_of(url: str, status: int, headers: Mapping[str, str], body: bytes) -> AioAWSResponse:
    """Return an answer as aiobotocore's HTTP session does; the names of headers in lower case."""
    return AioAWSResponse(url, status, headers, _Body(body))


def no_answer() -> AioAWSResponse:
    """Return an answer that says nothing, for a call that is only made to see its request."""
    return answer_of("", 200, {}, b"{}")


class _Body:
    def __init__(self, body: bytes) -> None:
        self._body = body

    async def read(self) -> bytes:
        return self._body


def _signing(request_signer: Any, signing_name: str, signature_version: str, **_: object) -> None:
    if (tap := _TAP.get()) is not None:
        tap.signer, tap.signing_name, tap.signature_version = request_signer, signing_name, signature_version


def _sending(request: Any, **_: object) -> AioAWSResponse | None:
    if (tap := _TAP.get()) is None:
        return None
    tap.request = request
    return tap.response


def _answered(endpoint: Any, **_: object) -> None:
    if (tap := _TAP.get()) is not None:
        tap.http = endpoint.http_session
