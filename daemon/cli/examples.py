"""What `--help` shows below the options: examples for each command, and what exit codes mean for all of them."""

from __future__ import annotations

from collections.abc import Sequence

EXIT_CODES = {
    0: "all well",
    1: "something was found wrong (a test failed, nothing matched, nothing is there), or does not answer",
    2: "the command, its configuration or its input cannot be used",
    3: "a run came to its end with alerts that could not be delivered, which are parked",
    4: "standard output does not take what is printed",
    141: "nobody reads what is printed any more, as in `vigild … | head`",
}
"""Supervisors may try again after 1 and must not after 2: what does not answer may yet, a wrong configuration stays."""

EXAMPLES: dict[str, Sequence[str]] = {
    "run": (
        "vigild run --config vigild.yaml",
        "vigild run AWSLogs/ --rules my-rules.yaml",
        "zcat events.ndjson.gz | vigild run -",
    ),
    "check": (
        "vigild check --config vigild.yaml",
        "vigild check --rules my-rules.yaml --strict",
    ),
    "match": (
        "vigild match AWSLogs/ --rules my-rules.yaml",
        "zcat events.ndjson.gz | vigild match --json",
    ),
    "explain": (
        "vigild explain root-login event.json",
        "vigild explain root-login AWSLogs/today.json.gz --most 1",
    ),
    "test": ("vigild test --rules my-rules.yaml",),
    "schema": ("vigild schema config > vigild.schema.json", "vigild schema rules > rules.schema.json"),
    "demo": ("vigild demo", "vigild demo --dir /tmp/demo --events 100000"),
    "approvals": ("vigild approvals --config vigild.yaml",),
    "approve": ("vigild approve 0123456789abcdef0123456789abcdef --config vigild.yaml",),
    "deny": ("vigild deny 0123456789abcdef0123456789abcdef --config vigild.yaml",),
    "iam-policy": (
        "vigild iam-policy --config vigild.yaml --account 123456789012",
        "vigild iam-policy --config vigild.yaml --role estate",
    ),
    "undo": ("vigild undo 0123456789abcdef0123456789abcdef --config vigild.yaml",),
    "dead-letters": (
        "vigild dead-letters list --reason access_denied --newer-than 2h",
        "vigild dead-letters redrive --name slack --dry-run",
        "vigild dead-letters purge --rule old-rule --older-than 7d",
    ),
    "alerts": ("vigild alerts list", "vigild alerts list slack --json"),
    "holds": (
        "vigild holds add --why 'change 4711' --hours 2 --on rule=ssh-open --on account=123456789012",
        "vigild holds list",
    ),
    "journal": ("vigild journal show --last 10", "vigild journal export > journal.ndjson", "vigild journal verify"),
    "leases": (
        "vigild leases list",
        "vigild leases reset events --to 2026-01-31T12:00:00Z",
    ),
    "silences": (
        "vigild silences add --why 'load test' --hours 1 --on rule=cpu-high --on region=eu-west-1",
        "vigild silences list",
    ),
    "state": ("vigild state create-table --config vigild.yaml",),
}


def below(command: str) -> str:
    """Return what stands below the options of a command: its examples, a paragraph each."""
    return "\n\n".join(("Examples:", *EXAMPLES[command]))


def exit_codes() -> str:
    """Return what exit codes mean, a paragraph each."""
    return "\n\n".join(("Exit codes:", *(f"{code}  {meaning}" for code, meaning in EXIT_CODES.items())))
