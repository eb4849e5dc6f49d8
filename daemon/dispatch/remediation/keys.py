"""Names of resources in keys of the state store: as they are, unless they are longer than a key can be.

locks.py, gate.py and counts.py ask: an object's key in S3 alone may fill a key of the state store.
"""

from __future__ import annotations

import hashlib

from daemon.actions.subject import Subject

_MOST_BYTES = 512
"""Half of what a key may have: prefix, action, account and region stand before it."""


def short(name: str) -> str:
    """Return a name, or its digest where it is long."""
    encoded = name.encode("utf-8", "surrogatepass")
    return name if len(encoded) <= _MOST_BYTES else f"sha256:{hashlib.sha256(encoded).hexdigest()}"


def resource_key(prefix: str, subject: Subject, resource: str) -> str:
    """Return the key of one of the subject's resources; the prefix ends with a slash."""
    return f"{prefix}{subject.account}/{subject.region}/{short(resource)}"
