"""Mails through SES: what the call says; that a mail arrives, test_configured.py shows."""

from __future__ import annotations

import base64
import json
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from typing import Any

import pytest
from pydantic import ValidationError

from daemon.clients import AwsClients, AwsSettings
from daemon.errors import FailureKind, PermanentError, RetryableError
from daemon.grants import Grant, Place
from daemon.sinks.ses import SesConfig
from tests.emulators import REGION
from tests.servers import Server, serve, status
from tests.sinks.aws_services import AWS_KINDS, aws_error
from tests.sinks.examples import EVENT, HOSTILE_EVENT, notice
from tests.sinks.rigs import build_sink

pytestmark = pytest.mark.anyio

OPTIONS = {"type": "ses", **AWS_KINDS["ses"].options}
TAKEN = status(200, {"Content-Type": "application/json"}, b'{"MessageId": "1"}')


async def sent_with(server: Server, body: bytes, **options: Any) -> tuple[dict[str, Any], EmailMessage]:
    """Send an alert of this event; return the call's parameters and the mail in it."""
    aws = AwsClients(AwsSettings(region=REGION, endpoint_url=server.url))
    try:
        await build_sink(aws, {**OPTIONS, **options}).send(notice(body))
    finally:
        await aws.close()
    (request,) = server.requests
    assert "/ses/aws4_request" in request.headers["Authorization"]
    call = json.loads(request.body)
    content = base64.b64decode(call["Content"]["Raw"]["Data"])
    return call, BytesParser(_class=EmailMessage, policy=SMTP).parsebytes(content)


async def test_check_says_whether_sending_is_enabled(ministack_clients: AwsClients) -> None:
    """`vigild check` asks for the account's state, and sends nothing."""
    assert "sending is enabled" in await build_sink(ministack_clients, OPTIONS).check()


async def test_what_the_call_says() -> None:
    """Sender and recipients stand beside the mail; the set that counts is named where there is one."""
    async with serve(TAKEN) as server:
        call, mail = await sent_with(server, EVENT, configuration_set="alerts")
    assert "vigild@alerts.example" == call["FromEmailAddress"] == mail["From"]
    assert call["Destination"]["ToAddresses"] == ["ada@ops.example"]
    assert call["ConfigurationSetName"] == "alerts"


@pytest.mark.parametrize("body", [HOSTILE_EVENT, EVENT.replace(b"running", b"x" * 1_000_000), b"null", b"\xff"])
async def test_no_event_makes_a_mail_that_ses_refuses(body: bytes) -> None:
    """Hostile, oversized or broken: one plain text mail, printable, of a size that SES takes."""
    async with serve(TAKEN) as server:
        call, mail = await sent_with(server, body)
    assert mail.get_content_type() == "text/plain"
    assert all(line.isprintable() for line in mail.get_content().splitlines())
    assert set(call["Destination"]) == {"ToAddresses"}
    assert len(json.dumps(call)) < 300_000


@pytest.mark.parametrize(
    ("code", "error", "kind"),
    [
        ("MessageRejected", PermanentError, FailureKind.REFUSED),
        ("BadRequestException", PermanentError, FailureKind.REFUSED),
        ("MailFromDomainNotVerifiedException", PermanentError, FailureKind.ACCESS_DENIED),
        ("SendingPausedException", PermanentError, FailureKind.ACCESS_DENIED),
        ("AccountSuspendedException", PermanentError, FailureKind.ACCESS_DENIED),
        ("LimitExceededException", RetryableError, FailureKind.THROTTLED),
    ],
)
async def test_what_ses_itself_says(code: str, error: type[Exception], kind: FailureKind) -> None:
    """What a person has to allow waits; what SES will not send is parked; over the rate is repeated."""
    async with serve(aws_error(400, code)) as server:
        with pytest.raises(error) as raised:
            await sent_with(server, EVENT)
    assert kind is raised.value.kind  # type: ignore[attr-defined] # both are EffectErrors


def test_permissions() -> None:
    """Sending from the address and the domains above it, one of which is the verified one, and nothing else."""
    config = SesConfig.model_validate({**OPTIONS, "sender": "v@a.b.example", "configuration_set": "alerts"})
    send, look = config.grants(Place("eu-west-1", "123456789012"))
    prefix = "arn:aws:ses:eu-west-1:123456789012"
    assert look == Grant(("ses:GetAccount",), ("*",))
    assert set(send.resources) == {
        *(f"{prefix}:identity/{name}" for name in ("v@a.b.example", "a.b.example", "b.example")),
        f"{prefix}:configuration-set/alerts",
    }


@pytest.mark.parametrize("options", [{"region": "eu west"}, {"configuration_set": "a b"}, {"recipients": ["x"]}])
def test_what_cannot_work_is_refused(options: dict[str, Any]) -> None:
    """The mistake stops the start."""
    with pytest.raises(ValidationError):
        SesConfig.model_validate({**OPTIONS, **options})
