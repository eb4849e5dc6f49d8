"""Builds what a target is sent about a match.  dispatch/ calls build_notice() once an intent is claimed.

Without an input transformer the body is this JSON object:

    {"key": "<32 hexadecimal digits, the same for every copy of this notice>",
     "rule": "<name>", "severity": "info|low|medium|high|critical", "description": "<the rule's own>",
     "event": <the event, byte for byte>}

It holds nothing that changes from one attempt or process to the next, so that copies are equal byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from daemon.dispatch.transform import InputTransformer
from daemon.event import Event
from daemon.sinks.base import Notice, Severity
from daemon.sinks.text import JSON, headline_of

_LONGEST_SUBJECT = 99
"""SNS: "less than 100 characters long" (API reference, Publish)."""


@dataclass(frozen=True, slots=True)
class Headline:
    """What a rule says about itself."""

    rule: str
    severity: Severity
    description: str


def build_notice(
    key: str,
    headline: Headline,
    event: Event,
    received_at: float,
    transformer: InputTransformer | None = None,
) -> Notice:
    """Return the notice for one target; `received_at` (seconds since the epoch) is for the transformer alone.

    Raises PermanentError where the transformer cannot be applied to this event.
    """
    if transformer is None:
        body, content_type = _default_body(key, headline, event), JSON
    else:
        body, content_type = transformer.render(event, headline.rule, received_at), transformer.content_type
    return Notice(
        key=key,
        rule=headline.rule,
        severity=headline.severity,
        description=headline.description,
        event=event,
        body=body,
        content_type=content_type,
        subject=_subject(headline, event),
    )


def _default_body(key: str, headline: Headline, event: Event) -> bytes:
    head = orjson.dumps(
        {
            "key": key,
            "rule": headline.rule,
            "severity": headline.severity,
            "description": headline.description,
        }
    )
    return head[:-1] + b',"event":' + event.body + b"}"


def _subject(said: Headline, event: Event) -> str:
    """Return the headline cut to what SNS takes."""
    subject = headline_of(said.severity, said.rule, said.description, event)
    return subject if len(subject) <= _LONGEST_SUBJECT else subject[: _LONGEST_SUBJECT - 1] + "…"
