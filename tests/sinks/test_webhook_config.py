"""What a webhook's configuration refuses, and that secrets stay out of every text about it."""

from __future__ import annotations

import traceback
from typing import Any

import pytest
from pydantic import ValidationError

from daemon.clients import AwsClients, AwsSettings
from daemon.errors import EffectError
from daemon.sinks.webhook import WebhookConfig
from tests.emulators import free_port
from tests.sinks.examples import notice
from tests.sinks.rigs import build_sink

URL = "http://127.0.0.1/hook"
SECRETS = {"path": "TOKEN-IN-PATH", "header": "TOKEN-IN-HEADER", "secret": "SECRET-0123456789"}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({}, "exactly one of url and url_file"),
        ({"url": URL, "url_file": "/x"}, "exactly one of url and url_file"),
        ({"url": URL, "secret": "0123456789abcdef", "secret_file": "/x"}, "at most one of secret"),
        ({"url": URL, "secret": "short"}, "shorter than 16"),
        ({"url": "ftp://127.0.0.1/"}, "not a URL that begins with https"),
        ({"url": "/hook"}, "not a URL that begins with https"),
        ({"url": "http://"}, "not a URL that begins with https"),
        ({"url": "http://127.0.0.1:99999/"}, "not a URL"),
        ({"url": "http://[::1"}, "not a URL"),
        ({"url": "https://user:pass@127.0.0.1/"}, "Authorization header"),
        ({"url": URL, "headers": {"Host": "x"}}, "set by vigild itself"),
        ({"url": URL, "headers": {"content-type": "x"}}, "set by vigild itself"),
        ({"url": URL, "headers": {"Idempotency-Key": "x"}}, "set by vigild itself"),
        ({"url": URL, "headers": {"A B": "x"}}, "must be the name of a header, such as X-Api-Key"),
        ({"url": URL, "headers": {"A": "x\r\nB: y"}}, "outside printable ASCII"),
        ({"url": URL, "headers": {"A": "\u20ac"}}, "outside printable ASCII"),
        ({"url": URL, "headers": {f"A{n}": "x" for n in range(33)}}, "at most 32"),
        ({"url": URL, "timeout_seconds": 0}, "greater than 0"),
        ({"url": URL, "max_concurrency": 0}, "greater than or equal to 1"),
        ({"url": URL, "retries": 3}, "unknown field"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], reason: str) -> None:
    """A mistake stops the start, with a sentence that says what is wrong."""
    with pytest.raises(ValidationError, match=reason):
        WebhookConfig.model_validate({"type": "webhook", **options})


def _options(port: int, **changes: Any) -> dict[str, Any]:
    url = f"http://127.0.0.1:{port}/{SECRETS['path']}"
    headers = {"Authorization": f"Bearer {SECRETS['header']}"}
    return {"type": "webhook", "url": url, "headers": headers, "secret": SECRETS["secret"], **changes}


def test_secrets_are_not_shown() -> None:
    """Neither repr nor JSON of the configuration holds a secret."""
    config = WebhookConfig.model_validate(_options(80))
    for text in (repr(config), str(config), config.model_dump_json()):
        assert not [secret for secret in SECRETS.values() if secret in text]


@pytest.mark.parametrize("changes", [{"headers": {"Host": SECRETS["header"]}}, {"url": f"ftp://x/{SECRETS['path']}"}])
def test_secrets_are_not_in_what_a_refusal_says(changes: dict[str, Any]) -> None:
    """The sentence about a mistake does not hold the value."""
    with pytest.raises(ValidationError) as caught:
        WebhookConfig.model_validate(_options(80, **changes))
    assert not [secret for secret in SECRETS.values() if secret in str(caught.value)]


@pytest.mark.anyio
async def test_secrets_are_not_in_errors() -> None:
    """A failed call says what failed; the URL's path, headers and secret are not in its text, causes included."""
    sink = build_sink(AwsClients(AwsSettings()), _options(free_port()))
    await sink.open()
    with pytest.raises(EffectError) as caught:
        await sink.send(notice())
    await sink.close()
    text = "".join(traceback.format_exception(caught.value))
    assert "unreachable" in text
    assert not [secret for secret in SECRETS.values() if secret in text]
