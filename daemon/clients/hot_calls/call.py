"""One hot call of one queue or stream: learn from aiobotocore, then sign, send and decode without it.

Whatever is not plainly a success is answered by aiobotocore: the answer is put into it as if it had come to it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
from aiobotocore.awsrequest import AioAWSResponse
from botocore import xform_name

from daemon.clients.errors import aws_errors
from daemon.clients.hot_calls.answers import Operation
from daemon.clients.hot_calls.request import Pattern
from daemon.clients.hot_calls.session import HotSession, Line
from daemon.clients.hot_calls.tap import Tap, answer_of, fit_taps, no_answer, tapped
from daemon.clients.skew import SIGNATURE_VERSIONS, ClockSkew

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _ShortWay:
    """What it takes to make the call without aiobotocore's client."""

    pattern: Pattern
    signer: Any
    signing_name: str
    line: Line

    async def credentials(self) -> Any:
        """Return the client's credentials as they are now, refreshed where due; None where there are none."""
        auth = await self.signer.get_auth_instance(self.signing_name, None)
        return auth.credentials


class HotCall(Generic[T]):
    """Make one for each queue or stream, because the endpoint may depend on which; calls may be concurrent."""

    def __init__(self, client: Any, operation: Operation[T], skew: ClockSkew) -> None:
        fit_taps(client, operation.name)
        self._method = getattr(client, xform_name(operation.name))
        self._skew = skew
        self._type = operation.answer
        self._decode = msgspec.json.Decoder(operation.answer).decode
        self._short_way: _ShortWay | None = None

    async def __call__(self, params: Mapping[str, object]) -> T:
        """Call with the parameters of the client's method.  Raises RetryableError or PermanentError."""
        with aws_errors():
            way = self._short_way
            credentials = await way.credentials() if way is not None else None
            if way is None or credentials is None or not way.pattern.suits(credentials):
                await self._through_client(params, no_answer())
                way = self._short_way
                if way is None:
                    return self._convert(await self._method(**params))
                credentials = await way.credentials()
            # As botocore.serialize.JSONSerializer does it, to the byte.
            body = json.dumps(params).encode()
            response, content = await way.line.post(way.pattern.fill(body, self._skew.now(), credentials), body)
            if response.status == 200:
                try:
                    return self._decode(content)
                except (msgspec.DecodeError, RecursionError):
                    # aiobotocore takes any text for an answer without fields, the page of a proxy included.
                    json.loads(content or b"{}")
            answer = answer_of(way.pattern.url, response.status, _plain(response.raw_headers), content)
            return self._convert(await self._through_client(params, answer))

    def _convert(self, answer: Mapping[str, object]) -> T:
        return msgspec.convert(answer, self._type)

    async def _through_client(self, params: Mapping[str, object], response: AioAWSResponse) -> Any:
        """Let the client make the call up to sending and take this for the answer; learn from the request it made."""
        tap = Tap(response)
        try:
            with tapped(tap):
                return await self._method(**params)
        finally:
            self._short_way = await _short_way(tap)


async def _short_way(tap: Tap) -> _ShortWay | None:
    """Return None where the call was not made as expected: then every call is the client's own, and none is wrong."""
    if not isinstance(tap.http, HotSession) or tap.signature_version not in SIGNATURE_VERSIONS:
        return None
    auth = await tap.signer.get_auth_instance(tap.signing_name, None)
    pattern = None if auth.credentials is None else Pattern.of(tap.request, auth.credentials)
    line = None if pattern is None else await tap.http.line(pattern.url)
    return None if pattern is None or line is None else _ShortWay(pattern, tap.signer, tap.signing_name, line)


def _plain(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode().lower(): value.decode() for name, value in headers}
