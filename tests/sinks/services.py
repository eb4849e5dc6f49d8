"""The sinks that give an alert the form that their service asks for, with the options each needs beside its URL.

test_services.py looks at these forms; at the others, which hand the alert's body on as it is, test_contract.py.
"""

from __future__ import annotations

from typing import Any

MAIL = frozenset({"smtp"})
"""Those that give it the form of a mail."""
PEOPLE = {"sender": "vigild@alerts.example", "recipients": ["ada@ops.example", "bob@ops.example"]}
"""Who writes to whom."""

SERVICES: dict[str, dict[str, Any]] = {
    "alertmanager": {},
    "opsgenie": {"api_key": "k" * 36},
    "pagerduty": {"routing_key": "r" * 32},
    "slack": {},
    "teams": {},
}
