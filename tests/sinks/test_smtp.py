"""Alerts as mails, through a mail server on loopback: what arrives, what failures mean, what text cannot do."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio
import msgspec
import pytest
from pydantic import SecretStr, ValidationError

from daemon.clients import AwsClients, AwsSettings
from daemon.errors import EffectError, FailureKind, PermanentError, RetryableError
from daemon.sinks.base import Sink, SinkContext
from daemon.sinks.smtp import SmtpConfig, SmtpSink
from tests.certificates import make_certificate
from tests.clocks import HandWound
from tests.emulators import free_port
from tests.secret_stores import keep_secret, secrets_of
from tests.sinks.examples import EVENT, HOSTILE_EVENT, notice
from tests.sinks.rigs import build_sink
from tests.sinks.services import PEOPLE
from tests.smtp_server import HANG_UP, SAY_NOTHING, MailServer, Reply, serve_mail

pytestmark = pytest.mark.anyio

PASSWORD = "hunter2-of-the-relay"
STEPS = ["", "MAIL", "RCPT", "DATA", "DATA END"]


def mail_sink(server: MailServer, **options: Any) -> Sink:
    """Return the sink that writes to this server."""
    plain = {} if "ca_file" in options else {"security": "none"}
    given = {"type": "smtp", "host": "127.0.0.1", "port": server.port, **PEOPLE, **plain, **options}
    return build_sink(AwsClients(AwsSettings()), given)


@asynccontextmanager
async def mailing(**options: Any) -> AsyncIterator[tuple[Sink, MailServer]]:
    """Yield the sink, open, and the server behind it, without TLS."""
    async with serve_mail() as server:
        sink = mail_sink(server, **options)
        await sink.open()
        yield sink, server
        await sink.close()


async def test_an_alert_arrives_with_its_key() -> None:
    """One mail to all, whose Message-ID is the same at every attempt, in plain text with all that matters."""
    sent = notice(description="Somebody started it: caf\u00e9.")
    async with mailing() as (sink, server):
        await sink.send(sent)
        await sink.send(sent)
        first, second = server.mails

    message = first.message
    assert (first.sender, first.recipients) == ("vigild@alerts.example", ("ada@ops.example", "bob@ops.example"))
    assert message["Subject"] == sent.subject
    assert message["To"] == "ada@ops.example, bob@ops.example"
    assert message["Message-ID"] == second.message["Message-ID"] == f"<{sent.key}@alerts.example>"
    assert message["Vigild-Key"] == sent.key
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Importance"] == "high"
    assert message.get_content_type() == "text/plain"
    for text in ("caf\u00e9", sent.rule, "123456789012/us-east-1", "2026-11-11T21:29:54Z", '"instance-id"'):
        assert text in first.text


async def test_alerts_of_one_incident_are_a_thread() -> None:
    """References are equal for one incident and differ for another; what ends it says so in its subject."""

    def alarm(state: str, name: str = "cpu") -> bytes:
        return json.dumps({"detail": {"alarmName": name, "state": state}}).encode()

    async with mailing(incident="$.detail.alarmName", resolved_at="$.detail.state") as (sink, server):
        for body in (alarm("ALARM"), alarm("OK"), alarm("ALARM", "disk")):
            await sink.send(notice(body))
        opened, closed, other = (mail.message for mail in server.mails)

    assert opened["References"] == closed["References"] != other["References"]
    assert closed["Subject"].startswith("Resolved: [HIGH]")
    assert len({opened["Message-ID"], closed["Message-ID"], other["Message-ID"]}) == 3


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        ("451 out of order", FailureKind.THROTTLED),
        ("450 greylisted", FailureKind.THROTTLED),
        ("432 in a moment", FailureKind.SERVER_ERROR),
        ("550 no", FailureKind.REFUSED),
        (HANG_UP, FailureKind.UNREACHABLE),
        (SAY_NOTHING, FailureKind.TIMEOUT),
    ],
)
async def test_each_failure_has_its_kind(step: str, reply: Reply, kind: FailureKind) -> None:
    """At whichever step: 4yz, a cut connection and silence are worth repeating, 5yz is not; nothing was taken."""
    async with mailing(timeout_seconds=0.5 if reply == SAY_NOTHING else 10) as (sink, server):
        server.replies[step] = reply
        with pytest.raises(EffectError) as raised:
            await sink.send(notice())

        expected = PermanentError if kind is FailureKind.REFUSED else RetryableError
        assert (kind, expected) == (raised.value.kind, type(raised.value))
        assert server.mails == []
        server.replies.clear()
        await sink.send(notice())
        assert len(server.mails) == 1


async def test_an_old_server_is_greeted_in_the_old_way() -> None:
    """Where EHLO is refused HELO does."""
    async with mailing() as (sink, server):
        server.replies["EHLO"] = "502 what?"
        await sink.send(notice())
        assert len(server.mails) == 1


async def test_a_server_that_goes_down_is_tried_again() -> None:
    """421 in the middle of a mail, with the connection cut behind it."""
    async with mailing() as (sink, server):
        server.replies["RCPT"] = "421 going down"
        with pytest.raises(RetryableError):
            await sink.send(notice())


@pytest.mark.parametrize(
    "subject", ["x \u00e9 " * 24, "=?utf-8?q?=E2=80=AE?= x", "\u65e5\u672c \u8a9e" * 24, "a  \u00e9"]
)
async def test_subjects_come_through(subject: str) -> None:
    """Any text of 99 characters, in lines of 78, and what looks encoded is not decoded."""
    subject = subject.strip()[:99].strip()
    async with mailing() as (sink, server):
        await sink.send(replace(notice(), subject=subject))
        (mail,) = server.mails
    assert subject == mail.message["Subject"]
    assert max(len(line) for line in mail.content.split(b"\r\n")) <= 78


async def test_what_is_no_mail_server_is_a_failure() -> None:
    """An answer that is not SMTP, and nobody listening, are repeated."""
    async with mailing() as (sink, server):
        server.replies[""] = "HTTP/1.1 400 Bad Request"
        with pytest.raises(RetryableError):
            await sink.send(notice())
    nobody = build_sink(
        AwsClients(AwsSettings()),
        {"type": "smtp", "host": "127.0.0.1", "port": free_port(), "security": "none", **PEOPLE},
    )
    with pytest.raises(RetryableError, match="unreachable"):
        await nobody.send(notice())


async def test_a_goodbye_that_fails_is_no_matter() -> None:
    """The mail has been taken: a server that then hangs up does not make it go out twice."""
    async with mailing() as (sink, server):
        server.replies["QUIT"] = HANG_UP
        await sink.send(notice())
        assert len(server.mails) == 1


async def test_a_recipient_refused_for_now_is_tried_again_alone() -> None:
    """Who has the mail does not get it again, who has not does."""
    sent = notice()
    async with mailing() as (sink, server):
        server.replies["RCPT"] = lambda line: "450 greylisted" if "bob" in line else None
        with pytest.raises(RetryableError, match=r"throttled: 1 of 2 recipients: bob@ops.example: 450 greylisted"):
            await sink.send(sent)
        with pytest.raises(RetryableError, match=r"1 of 2"):
            await sink.send(sent)
        server.replies.clear()
        await sink.send(sent)

    assert [mail.recipients for mail in server.mails] == [("ada@ops.example",), ("bob@ops.example",)]


async def test_a_recipient_refused_for_good_is_told() -> None:
    """The others have the mail; the alert's end names who has not."""
    async with mailing() as (sink, server):
        server.replies["RCPT"] = lambda line: "550 5.1.1 unknown\x1b[31m" if "bob" in line else None
        with pytest.raises(PermanentError) as raised:
            await sink.send(notice())

    assert raised.value.detail == r"1 of 2 recipients: bob@ops.example: 550 5.1.1 unknown\x1b[31m"
    assert [mail.recipients for mail in server.mails] == [("ada@ops.example",)]


async def test_starttls_and_a_login(tmp_path: Path) -> None:
    """The connection is secured before the password goes over it; the certificate is verified."""
    tls, ca_file = make_certificate(tmp_path)
    (tmp_path / "password").write_text(f"{PASSWORD}\n")
    login = {"username": "vigild", "password_file": str(tmp_path / "password"), "ca_file": str(ca_file)}
    async with serve_mail(tls, password=PASSWORD) as server:
        sink = mail_sink(server, **login)
        assert await sink.check() == f"127.0.0.1:{server.port}: logged in (starttls)"
        assert server.mails == []
        await sink.send(notice())
        assert (len(server.mails), server.lifted) == (1, 2)
        verbs = [command.split()[0] for command in server.commands]
        assert verbs.index("STARTTLS") < verbs.index("AUTH")


async def test_tls_from_the_first_byte(tmp_path: Path) -> None:
    """security: tls shakes hands before anything is said."""
    tls, ca_file = make_certificate(tmp_path)
    async with serve_mail(tls, at_once=True) as server:
        sink = mail_sink(server, security="tls", ca_file=str(ca_file))
        await sink.send(notice())
        assert len(server.mails) == 1


async def test_without_the_tls_asked_for_nothing_is_said(tmp_path: Path) -> None:
    """No STARTTLS on offer, or a certificate that nobody vouches for: no password and no mail goes out."""
    tls, ca_file = make_certificate(tmp_path)
    login = {"username": "vigild", "password": PASSWORD}
    async with serve_mail() as bare, serve_mail(tls) as unknown:
        for server, options in ((bare, {"ca_file": str(ca_file)}), (unknown, {"security": "starttls"})):
            with pytest.raises(RetryableError, match="unreachable"):
                await mail_sink(server, **login, **options).send(notice())
            assert not any(command.startswith(("AUTH", "MAIL")) for command in server.commands)


async def test_a_wrong_password_is_named_and_not_shown(tmp_path: Path) -> None:
    """A refused login is a missing permission, for sending and for checking; the server's echo of it stays out."""
    tls, ca_file = make_certificate(tmp_path)
    async with serve_mail(tls, password="another") as server:
        sink = mail_sink(server, username="vigild", password=PASSWORD, ca_file=str(ca_file))
        for attempt in (sink.send(notice()), sink.check()):
            with pytest.raises(PermanentError) as raised:
                await attempt
            assert raised.value.kind is FailureKind.ACCESS_DENIED
            assert PASSWORD not in f"{raised.value!r} {raised.value.__cause__!r}"
        assert server.mails == []


async def test_a_password_that_was_rotated_is_read_again(moto_clients: AwsClients, tmp_path: Path) -> None:
    """The refused login makes the daemon ask Secrets Manager; the next attempt logs in with the new password."""
    tls, ca_file = make_certificate(tmp_path)
    name, clock = await keep_secret(moto_clients, "old"), HandWound()
    async with serve_mail(tls, password="old") as server:
        config = SmtpConfig(
            type="smtp",
            host="127.0.0.1",
            port=server.port,
            ca_file=ca_file,
            username="vigild",
            password=SecretStr(f"aws-secret:{name}"),
            sender="vigild@alerts.example",
            recipients=("ada@ops.example",),
        )
        sink = SmtpSink("mail", config, SinkContext(clock, moto_clients, secrets_of(moto_clients, clock)))
        await sink.send(notice())
        server.password = "new"
        await (await moto_clients.client("secretsmanager")).put_secret_value(SecretId=name, SecretString="new")
        clock.time += 6
        with pytest.raises(RetryableError, match="credentials: 535 login refused, with a secret that has changed"):
            await sink.send(notice())
        await sink.send(notice())
    assert len(server.mails) == 2


@pytest.mark.parametrize(
    "body",
    [
        HOSTILE_EVENT,
        b'{"detail":{"x":"run\xffning"}}',
        b'{"a":' * 400 + b"1" + b"}" * 400,
        b'{"detail":{"x":"\\ud800"}}',
        b"null",
        b'{"account":"1\\r\\nBcc: eve@evil.example","region":"\\n.","detail":{"x":"\\r\\n.\\r\\nMAIL FROM:<e@v>"}}',
    ],
)
async def test_no_event_can_add_to_a_mail(body: bytes) -> None:
    """No header, no recipient, no second mail, no control character comes of an event; and every line is short."""
    sent = notice(body, description="two\nlines \x1b[31m\r\n.\r\nBcc: eve@evil.example")
    async with mailing() as (sink, server):
        await sink.send(replace(sent, event=msgspec.structs.replace(sent.event, time="2026\r\nBcc: eve@evil.example")))
        (mail,) = server.mails

    names = [name.lower() for name in mail.message.keys()]  # noqa: SIM118 - a message's headers, repeats included
    assert sorted(set(names)) == sorted(names)
    assert "bcc" not in names
    assert mail.recipients == ("ada@ops.example", "bob@ops.example")
    assert all(len(line) <= 998 and line.isascii() for line in mail.content.split(b"\r\n"))
    assert all(line.isprintable() for line in mail.text.split("\n"))
    assert [command.split(":")[0] for command in server.commands] == [
        "EHLO localhost",
        "MAIL FROM",
        "RCPT TO",
        "RCPT TO",
        "DATA",
        "QUIT",
    ]


async def test_text_that_is_too_long_is_cut() -> None:
    """A megabyte of event makes a mail that servers take, with the same key."""
    sent = notice(EVENT.replace(b"running", b"x" * 1_000_000))
    async with mailing() as (sink, server):
        await sink.send(sent)
        (mail,) = server.mails
    assert len(mail.content) < 200_000
    assert sent.key in mail.text


async def test_concurrent_alerts_all_arrive() -> None:
    """Twenty at the same time arrive once each."""
    sent = [notice() for _ in range(20)]
    async with mailing() as (sink, server), anyio.create_task_group() as group:
        for each in sent:
            group.start_soon(sink.send, each)
    assert sorted(mail.message["Vigild-Key"] for mail in server.mails) == [each.key for each in sent]


async def test_cancelling_leaves_the_sink_usable() -> None:
    """Wherever a send is cancelled, no connection stays and the next alert arrives."""
    async with mailing() as (sink, server):
        for checkpoints in range(0, 60, 3):
            async with anyio.create_task_group() as group:
                group.start_soon(sink.send, notice())
                for _ in range(checkpoints):
                    await anyio.lowlevel.checkpoint()
                group.cancel_scope.cancel()
        sent = notice()
        await sink.send(sent)
        assert sent.key in {mail.message["Vigild-Key"] for mail in server.mails}


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"sender": "Vigild <vigild@alerts.example>"}, "sender"),
        ({"sender": "vigild@alerts.example\r\nBcc: eve@evil.example"}, "sender"),
        ({"recipients": []}, "at least 1"),
        ({"recipients": ["a@b", "nobody"]}, "recipients"),
        ({"recipients": ["ada@ops.example\n"]}, "recipients"),
        ({"host": "mail example"}, "host"),
        ({"client_name": "x\r\nMAIL"}, "client_name"),
        ({"username": "vigild"}, "and a password"),
        ({"password": PASSWORD}, "give a username"),
        ({"username": "v", "password": PASSWORD, "password_file": "p"}, "at most one"),
        ({"username": "v", "password": PASSWORD, "security": "none"}, "over TLS only"),
        ({"incident": "detail.x"}, "begins with"),
    ],
)
def test_what_cannot_work_is_refused(options: dict[str, Any], reason: str) -> None:
    """A mistake stops the start, with a sentence that says what is wrong and shows no password."""
    with pytest.raises(ValidationError, match=reason) as raised:
        SmtpConfig.model_validate({"type": "smtp", "host": "mail.example", **PEOPLE, **options})
    assert PASSWORD not in str(raised.value)
