"""The sinks that give an alert the form that their service asks for, with the options each needs beside its URL.

test_services.py holds them to one contract; the others, which hand the alert's body on as it is, test_contract.py.
"""

from __future__ import annotations

from typing import Any

MAIL = frozenset({"smtp"})
"""test_smtp.py holds them to the same over a mail server."""
SERVICES: dict[str, dict[str, Any]] = {
    "alertmanager": {},
    "opsgenie": {"api_key": "k" * 36},
    "pagerduty": {"routing_key": "r" * 32},
    "slack": {},
    "teams": {},
}
