"""Corrects for a machine whose clock is wrong: AWS refuses signatures that are more than five minutes off.

AwsClients has one for all its clients.  It learns from the Date of an answer that refuses a signature, so that the next
attempt, which retry.py makes in any case, is signed for the right time.  Other SDKs do so by themselves, botocore does
not.  While the clock is right, everything is botocore's own.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.auth import AUTH_TYPE_MAPS, SIGV4_TIMESTAMP, S3SigV4Auth, SigV4Auth
from botocore.exceptions import NoCredentialsError
from botocore.handlers import set_operation_specific_signer

from daemon.clock import Clock

_LEAST_SECONDS = 240.0
"""Less than this cannot be why AWS refuses: it takes five minutes."""
_SKEWED = frozenset(
    {
        "AuthFailure",
        "InvalidSignatureException",
        "RequestExpired",
        "RequestInTheFuture",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    }
)
"""What services answer to a wrong time, each in its own words; the Date tells whether it was the time."""
_TIME = "vigild_time"


def signing_time(now: float) -> str:
    """Return seconds since the epoch as a signature has them."""
    return time.strftime(SIGV4_TIMESTAMP, time.gmtime(now))


class _Corrected(SigV4Auth):  # type: ignore[misc]  # botocore ships no types
    """Signs for the time that ClockSkew puts into the request's context."""

    def add_auth(self, request: Any) -> None:
        """See SigV4Auth, which takes the machine's time without asking."""
        if self.credentials is None:
            raise NoCredentialsError
        request.context["timestamp"] = signing_time(request.context[_TIME])
        self._modify_request_before_signing(request)
        to_sign = self.string_to_sign(request, self.canonical_request(request))
        self._inject_signature_to_request(request, self.signature(to_sign, request))


class _CorrectedS3(_Corrected, S3SigV4Auth):  # type: ignore[misc]  # botocore ships no types
    """The same for S3's variant."""


_CORRECTED = {"v4": ("vigild-v4", _Corrected), "s3v4": ("vigild-s3v4", _CorrectedS3)}
AUTH_TYPE_MAPS.update(_CORRECTED.values())

SIGNATURE_VERSIONS = frozenset({"v4", "vigild-v4"})
"""What a client of a service other than S3 signs with, by the machine's time or the corrected one."""


class ClockSkew:
    """How far the machine's clock is behind AWS's, as far as it is known."""

    def __init__(self, clock: Clock) -> None:
        self.seconds = 0.0
        self._clock = clock

    def now(self) -> float:
        """Return the seconds since the epoch by AWS's clock."""
        return self._clock.now() + self.seconds

    def watch(self, client: Any) -> None:
        """Correct this client's signatures, and learn from its answers."""
        service = client.meta.service_model.service_id.hyphenize()
        for event, handler in (
            ("choose-signer", self._choose_signer),
            ("before-sign", self._before_sign),
            ("after-call", self._learn),
        ):
            client.meta.events.register(f"{event}.{service}", handler)

    def _choose_signer(
        self, signature_version: object, signing_name: str, context: dict[str, Any], **_: object
    ) -> str | None:
        if not self.seconds or signature_version not in _CORRECTED:
            return None
        special: str | None = set_operation_specific_signer(context=context, signing_name=signing_name)
        chosen = special or signature_version
        return _CORRECTED[chosen][0] if chosen in _CORRECTED else None

    def _before_sign(self, request: Any, **_: object) -> None:
        request.context[_TIME] = self.now()

    def _learn(self, http_response: Any, parsed: Mapping[str, Any], **_: object) -> None:
        if str(parsed.get("Error", {}).get("Code", "")).rpartition(".")[2] not in _SKEWED:
            return
        try:
            theirs = parsedate_to_datetime(http_response.headers.get("date", "")).timestamp()
        except ValueError:
            return
        if abs(theirs - self.now()) > _LEAST_SECONDS:
            self.seconds = theirs - self._clock.now()
