"""One entry of the journal: one thing that was decided or done about one intent."""

from __future__ import annotations

from typing import Any

import msgspec


class Entry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who, what, why, before, after.  Holds no secrets and no event bodies."""

    at: float
    """Seconds since the epoch."""
    step: str
    """ "begun" before the first change is made, then one that says how it ended; see Ending in
    dispatch/remediation/result.py, and "approved", "denied", "held", "undone", "silenced", "expired" for what people
    did.  "silence-ended" and "held-back" are about alerts: a silence that is over, what it or a maintenance window kept
    from a target."""
    intent: str
    """The intent's id, which `vigild undo` and `approve` take; "" for what is not about one."""
    rule: str = ""
    action: str = ""
    """Name of the action in the configuration."""
    kind: str = ""
    """Its type, "ec2.restrict-ingress"."""
    mode: str = ""
    event: str = ""
    """Identity of the event that asked for it."""
    account: str = ""
    region: str = ""
    resources: tuple[str, ...] = ()
    reason: str = ""
    """Of a refusal or failure, or why alerts were held back: one of a closed list."""
    detail: str = ""
    summary: str = ""
    plan_number: int = 1
    """Grows with each plan of the intent that does not follow from the one before: redriven, or looked at anew."""
    before: Any = None
    after: Any = None
    requests: tuple[str, ...] = ()
    """ "service:Operation:request id" of every change made."""
    by: str = ""
    """The person, or the process, that did it."""
