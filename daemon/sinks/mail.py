"""What an alert looks like as a mail, for smtp.py and ses.py: plain text, whose headers no event can add to.

The Message-ID holds the idempotency key, so that mail programs show a repeat once; References holds the incident, so
that they show alerts of one incident as one thread.
"""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from email.header import Header
from email.mime.text import MIMEText
from email.policy import compat32
from email.utils import format_datetime
from typing import Annotated

from pydantic import Field, StringConstraints

from daemon.sinks.base import Notice, Severity
from daemon.sinks.facts import facts_of
from daemon.sinks.incidents import IncidentConfig, incident_of
from daemon.sinks.message_text import details
from daemon.sinks.text import printable
from daemon.text_form import TextForm

_LONGEST_DETAILS = 100_000
_POLICY = compat32.clone(linesep="\r\n")
"""Not the newer policies: they lose and double blanks where they fold a subject (Python 3.11)."""
_URGENT = frozenset({Severity.HIGH, Severity.CRITICAL})

MailAddress = Annotated[
    str,
    StringConstraints(max_length=254),
    TextForm(
        r"^[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*$",
        "a bare mail address",
        "oncall@example.com",
    ),
]
"""local@domain in ASCII, without a name (RFC 5321, section 4.1.2, dot-string)."""


class MailConfig(IncidentConfig):
    """Who writes to whom."""

    sender: MailAddress
    """What stands in From; bounces go there, too."""
    recipients: tuple[MailAddress, ...] = Field(min_length=1, max_length=50)
    """All stand in To."""


def mail_of(notice: Notice, config: MailConfig, now: float) -> bytes:
    """Return the mail, in 7-bit ASCII; `now` is its Date."""
    incident = incident_of(notice, config)
    domain = config.sender.rpartition("@")[2]
    thread = hashlib.sha256(incident.key.encode(errors="replace")).hexdigest()[:32]
    mail = MIMEText(_text(notice), "plain", "utf-8")
    mail["From"] = config.sender
    mail["To"] = ", ".join(config.recipients)
    mail["Subject"] = _subject(f"Resolved: {notice.subject}" if incident.is_over else notice.subject)  # type: ignore[assignment] # typeshed knows no Header there
    mail["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    mail["Message-ID"] = f"<{notice.key}@{domain}>"
    mail["References"] = f"<incident.{thread}@{domain}>"
    mail["Vigild-Key"] = notice.key
    # No out-of-office replies (RFC 3834).
    mail["Auto-Submitted"] = "auto-generated"
    if notice.severity in _URGENT and not incident.is_over:
        mail["Importance"] = "high"
    return mail.as_bytes(policy=_POLICY)


def _subject(text: str) -> Header:
    """Return the header.  A text that reads as encoded already is encoded once more, so that it is shown as it is."""
    is_plain = text.isascii() and "=?" not in text
    return Header(text, "us-ascii" if is_plain else "utf-8", header_name="Subject")


def _text(notice: Notice) -> str:
    facts = {
        "Rule": notice.rule,
        "Severity": notice.severity.value,
        **dict(facts_of(notice).named()),
        "Key": notice.key,
    }
    lines = "\n".join(f"{name + ':':<10}{value}" for name, value in facts.items())
    described = "\n".join(printable(line) for line in notice.description.split("\n"))
    return f"{described}\n\n{lines}\n\n{details(notice, _LONGEST_DETAILS)}\n"
