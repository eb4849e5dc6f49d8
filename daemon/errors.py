"""Every exception of our own, split by what its catcher does.

Foreign exceptions are translated to these at the edge (clients/, sources/, sinks/, state/); nothing above catches a
botocore, aiohttp or sqlite3 error.  dispatch/ retries a RetryableError, parks a PermanentError; decode/ turns a
DecodeError into a rejection; cli.py prints a ConfigError and exits with 2.
"""

from __future__ import annotations

from enum import StrEnum


class VigildError(Exception):
    """Base of all errors raised on purpose."""


class ConfigError(VigildError):
    """Raised when a file or setting cannot be used; the text names file, line and field.

    `problems` holds one line for each fault, so that a user can mend all of them in one go.
    """

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


class PatternError(VigildError):
    """Raised when EventBridge would refuse a pattern; `path` is the JSON path of the place ("$.detail.a[0]").

    `line` counts from 1 in a pattern given as JSON text, and is None for one given as parsed JSON.
    """

    def __init__(self, path: str, reason: str, line: int | None = None) -> None:
        self.path = path
        self.reason = reason
        self.line = line
        super().__init__(f"{path}: {reason}" if line is None else f"line {line}: {path}: {reason}")


class FilterError(VigildError):
    """Raised when CloudWatch Logs would refuse a filter pattern; `position` counts characters from 0."""

    def __init__(self, position: int, reason: str) -> None:
        self.position = position
        self.reason = reason
        super().__init__(f"at character {position}: {reason}")


class RejectReason(StrEnum):
    """Why an event cannot be read at all: the closed list behind the metric label `reason`."""

    EMPTY = "empty"  # no bytes, or blanks only
    BAD_GZIP = "bad_gzip"  # truncated, corrupt, or not gzip behind its magic number
    TOO_LARGE = "too_large"  # over max_event_bytes, or over max_document_bytes once unpacked, or crowded with values
    TOO_DEEP = "too_deep"  # nested deeper than the JSON parsers go: a thousand levels, from Python 3.12 on many more
    NOT_UTF8 = "not_utf8"
    NOT_JSON = "not_json"
    NOT_AN_OBJECT = "not_an_object"  # a JSON string, number, array: no event of AWS is one
    BAD_ENVELOPE = "bad_envelope"  # looks like a known envelope, but a field of it has the wrong type
    UNKNOWN_SHAPE = "unknown_shape"  # a JSON object that nothing known sends, where the configuration wants none
    AMBIGUOUS = "ambiguous"  # spells one path in so many ways that matching it would take too long
    UNREADABLE = "unreadable"  # a file that cannot be opened or read
    BUG = "bug"  # our own decoder or matcher failed on it


class DecodeError(VigildError):
    """Raised when bytes are not an event; never retried, always counted and parked."""

    def __init__(self, reason: RejectReason, detail: str) -> None:
        self.reason = reason
        self.detail = detail
        super().__init__(f"{reason}: {detail}")


class FailureKind(StrEnum):
    """Why an effect failed: the closed list behind the metric label `kind` and the dead letter's `kind`."""

    UNREACHABLE = "unreachable"  # DNS, connect, reset, TLS
    TIMEOUT = "timeout"
    THROTTLED = "throttled"  # 429, Throttling*, SlowDown
    SERVER_ERROR = "server_error"  # 5xx
    CREDENTIALS = "credentials"  # none found, or expired: may be renewed behind us, so retried
    ACCESS_DENIED = "access_denied"
    NOT_FOUND = "not_found"  # queue, topic or file that is not there
    REFUSED = "refused"  # any other answer that repeating cannot change
    STATE = "state"  # our own state store is away or full
    BUG = "bug"  # our own code failed


class EffectError(VigildError):
    """Base of what a target, source or store may raise; `kind` is closed, `detail` is free of secrets."""

    code: str = ""
    """AWS's own name for it, where AWS answered: told apart only where one error of many kinds is expected."""

    def __init__(self, kind: FailureKind, detail: str) -> None:
        self.kind = kind
        self.detail = detail
        super().__init__(f"{kind}: {detail}")


class RetryableError(EffectError):
    """Raised when the same call may succeed later; `delay` is what the other side asked for, in seconds."""

    def __init__(self, kind: FailureKind, detail: str, delay: float | None = None) -> None:
        self.delay = delay
        super().__init__(kind, detail)


class PermanentError(EffectError):
    """Raised when repeating the call cannot help."""


class StateError(RetryableError):
    """Raised when the state store cannot answer: locked, unreachable, full or corrupt."""

    def __init__(self, detail: str) -> None:
        super().__init__(FailureKind.STATE, detail)
