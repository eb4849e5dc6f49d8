"""What fields events and CloudTrail records have, and of which type; finds names and tests that fit none.

Sources: the envelope is described in the EventBridge User Guide, "Events" (eb-events), CloudTrail's fields in the
CloudTrail User Guide, "CloudTrail record contents for management, data, and network activity events"
(cloudtrail-event-reference-record-contents) and "CloudTrail userIdentity element"
(cloudtrail-event-reference-user-identity).  Types were compared with 1,677 records of a real trail: `readOnly` and
`managementEvent` are booleans, `mfaAuthenticated` is text.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from daemon.match.eventbridge.operators import Affix, Between, Exact, InBlock, Test, Wildcard
from daemon.match.eventbridge.pattern import Alternative, Condition
from daemon.match.lint.findings import Finding, LintCode, Subject, tests_on, texts_on

_ENVELOPE_TEXTS: Final = frozenset(
    ("version", "id", "detail-type", "source", "account", "time", "region", "resources", "replay-name")
)
_ENVELOPE: Final = _ENVELOPE_TEXTS | {"detail"}

_RECORD_TEXTS: Final = frozenset(
    (
        *("eventVersion", "eventTime", "eventSource", "eventName", "awsRegion", "sourceIPAddress", "userAgent"),
        *("errorCode", "errorMessage", "requestID", "eventID", "eventType", "apiVersion", "recipientAccountId"),
        *("sharedEventID", "vpcEndpointId", "vpcEndpointAccountId", "eventCategory", "sessionCredentialFromConsole"),
    )
)
_RECORD_BOOLEANS: Final = frozenset(("readOnly", "managementEvent"))
_RECORD_OBJECTS: Final = frozenset(
    (
        *("userIdentity", "requestParameters", "responseElements", "additionalEventData", "resources"),
        *("serviceEventDetails", "addendum", "tlsDetails", "edgeDeviceDetails", "insightDetails", "eventContext"),
    )
)
_IDENTITY_TEXTS: Final = frozenset(
    ("type", "userName", "principalId", "arn", "accountId", "accessKeyId", "invokedBy", "credentialId")
)
_IDENTITY_OBJECTS: Final = frozenset(("sessionContext", "onBehalfOf", "inScopeOf", "identityProvider"))

_TEXT_PATHS: Final = frozenset(
    (
        *(f"detail.{name}" for name in _RECORD_TEXTS),
        *(f"detail.userIdentity.{name}" for name in _IDENTITY_TEXTS),
        "detail.userIdentity.sessionContext.attributes.mfaAuthenticated",
        "detail.userIdentity.sessionContext.attributes.creationDate",
    )
)
_BOOLEAN_PATHS: Final = frozenset(f"detail.{name}" for name in _RECORD_BOOLEANS)
_NAMES_BELOW: Final[Mapping[str, frozenset[str]]] = {
    "detail": _RECORD_TEXTS | _RECORD_BOOLEANS | _RECORD_OBJECTS,
    "detail.userIdentity": _IDENTITY_TEXTS | _IDENTITY_OBJECTS,
}
_TELLING: Final = frozenset(
    (
        *("awsRegion", "additionalEventData", "errorMessage", "eventName", "eventSource", "recipientAccountId"),
        *("requestParameters", "responseElements", "sourceIPAddress", "userIdentity"),
    )
)
"""Of a record's fields those that no other service's events have anything like."""
_CLOSE: Final = 0.85
"""difflib's ratio; "eventNmae" has 0.89, and no two names of the tables come this close."""


def is_cloudtrail(alternative: Alternative) -> bool:
    """Tell whether an alternative is about CloudTrail records: it says so, or asks for fields that only they have."""
    kinds = tests_on(alternative, "detail-type")
    if kinds:
        return any(test.holds("AWS API Call via CloudTrail") for test, _ in kinds) or any(
            text.endswith("via CloudTrail") for text, _ in texts_on(alternative, "detail-type")
        )
    return any(condition.path in ("detail.eventName", "detail.eventSource") for condition in alternative)


def wrong_types(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each test that cannot hold for the type its field has."""
    for alternative in subject.sample:
        cloudtrail = is_cloudtrail(alternative)
        for condition in alternative:
            if condition.path in _ENVELOPE_TEXTS or (cloudtrail and condition.path in _TEXT_PATHS):
                yield from _never(condition, "text", _wants_no_text)
            elif cloudtrail and condition.path in _BOOLEAN_PATHS:
                yield from _never(condition, "true or false", _wants_no_boolean)


def _never(condition: Condition, kind: str, wants_other: Callable[[Test], bool]) -> Iterator[Finding]:
    for at, test in enumerate(condition.tests):
        if wants_other(test):
            message = f"{condition.path} is {kind} in every event, so {test} never holds"
            yield Finding(LintCode.WRONG_TYPE, f"{condition.place}[{at}]", message)


def _wants_no_text(test: Test) -> bool:
    return isinstance(test, Between) or (isinstance(test, Exact) and isinstance(test.value, int | float))


def _wants_no_boolean(test: Test) -> bool:
    if isinstance(test, Exact):
        return isinstance(test.value, str) or (isinstance(test.value, int | float) and not isinstance(test.value, bool))
    return isinstance(test, Affix | Wildcard | Between | InBlock)


def misspelt_fields(subject: Subject) -> Iterator[Finding]:
    """Yield a finding for each field that is nearly one of the envelope or of a CloudTrail record."""
    for alternative in subject.sample:
        for condition in alternative:
            meant = _meant(condition.steps[0], _ENVELOPE, _ENVELOPE)
            if meant:
                message = f"events have no {condition.steps[0]}; did you mean {meant}?"
                yield Finding(LintCode.MISSPELT_FIELD, condition.place, message)
        about_records = is_cloudtrail(alternative) or any(
            text.startswith("aws.") for text, _ in texts_on(alternative, "source")
        )
        for condition in alternative:
            for outer, names in _NAMES_BELOW.items():
                depth = outer.count(".") + 1
                if not about_records or condition.steps[:depth] != tuple(outer.split(".")):
                    continue
                name = condition.steps[depth] if len(condition.steps) > depth else ""
                meant = _meant(name, names, names if is_cloudtrail(alternative) else names & _TELLING)
                if meant:
                    message = f"CloudTrail records have no {outer}.{name}; did you mean {outer}.{meant}?"
                    yield Finding(LintCode.MISSPELT_FIELD, condition.place, message)


def _meant(name: str, names: frozenset[str], near: frozenset[str]) -> str | None:
    """Return the name that was meant, if `name` is none: one but for its case, or one of `near` that comes close."""
    if name in names or not name:
        return None
    cased = next((known for known in sorted(names) if known.lower() == name.lower()), None)
    return cased or next(iter(difflib.get_close_matches(name, sorted(near), n=1, cutoff=_CLOSE)), None)
