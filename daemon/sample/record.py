"""One CloudTrail record: what was called, by whom, where and when, put together as CloudTrail writes it.

traffic/ and intrusion/ describe the call, identities.py the caller; writer.py collects records into files.  Fields and
their order: CloudTrail user guide, "CloudTrail record contents" (event version 1.11).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from random import Random
from typing import Any

from daemon.sample import ids
from daemon.sample.identities import CONSOLE, Caller
from daemon.sample.organisation import Place

API_CALL = "AwsApiCall"
SIGN_IN = "AwsConsoleSignIn"
SERVICE_EVENT = "AwsServiceEvent"

_GLOBAL = frozenset({"iam", "organizations", "health", "route53"})


@dataclass(slots=True)
class Call:
    """One API call without its caller; `None` is JSON's null, which most calls have for an answer."""

    service: str
    """First label of the event source: "ec2"."""
    name: str
    request: dict[str, Any] | None = None
    response: dict[str, Any] | None = None
    additional: dict[str, Any] | None = None
    resources: list[dict[str, str]] | None = None
    """What `resources` lists; None leaves the field out."""
    read_only: bool = True
    error: tuple[str, str] | None = None
    """Error code ("" where the sign-in page gives none) and message; an API call that failed has no answer."""
    kind: str = API_CALL
    shared: bool = False
    """The call crossed accounts: the other account's record has the same `sharedEventID`."""


@cache
def _tls(service: str, region: str) -> dict[str, str]:
    host = f"{service}.amazonaws.com" if service in _GLOBAL else f"{service}.{region}.amazonaws.com"
    return {
        "tlsVersion": "TLSv1.3",
        "cipherSuite": "TLS_AES_128_GCM_SHA256",
        "clientProvidedHostHeader": host,
    }


def _keyless(identity: dict[str, Any]) -> dict[str, Any]:
    """Return the identity of somebody who only signs in: there is no key and no session yet."""
    return {name: value for name, value in identity.items() if name not in {"accessKeyId", "sessionContext"}}


def record(call: Call, caller: Caller, place: Place, time: str, rng: Random) -> dict[str, Any]:
    """Return the record of a call as an object ready for JSON; `time` is RFC 3339 in UTC, to the second."""
    written: dict[str, Any] = {
        "eventVersion": "1.11",
        "userIdentity": caller.identity if call.kind != SIGN_IN else _keyless(caller.identity),
        "eventTime": time,
        "eventSource": f"{call.service}.amazonaws.com",
        "eventName": call.name,
        "awsRegion": place.region,
        "sourceIPAddress": caller.address,
        "userAgent": caller.agent,
    }
    if call.error is not None:
        code, written["errorMessage"] = call.error
        if code:
            written["errorCode"] = code
    written["requestParameters"] = call.request
    written["responseElements"] = None if call.error is not None and call.kind == API_CALL else call.response
    if call.additional is not None:
        written["additionalEventData"] = call.additional
    if call.kind == API_CALL:
        written["requestID"] = ids.uuid(rng)
    written["eventID"] = ids.uuid(rng)
    written["readOnly"] = call.read_only
    if call.resources is not None:
        written["resources"] = call.resources
    written["eventType"] = call.kind
    written["managementEvent"] = True
    written["recipientAccountId"] = place.account.number
    if call.shared:
        written["sharedEventID"] = ids.uuid(rng)
    if caller.endpoint is not None:
        written["vpcEndpointId"] = caller.endpoint
    written["eventCategory"] = "Management"
    if caller.agent == CONSOLE:
        written["sessionCredentialFromConsole"] = "true"
    if caller.outside:
        written["tlsDetails"] = _tls(call.service, place.region)
    return written
