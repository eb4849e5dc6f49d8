"""Alerts as mails, through SES."""

from __future__ import annotations

from typing import Annotated, Literal

from anyio import fail_after

from daemon.clients import answered, aws_errors
from daemon.clients.estate import RegionName
from daemon.grants import Grant, Place
from daemon.sinks.base import Notice, SinkContext
from daemon.sinks.mail import MailConfig, mail_of
from daemon.text_form import TextForm

ConfigurationSet = Annotated[str, TextForm(r"^[A-Za-z0-9_-]{1,64}$", "at most 64 letters, digits, _ and -", "alerts")]


class SesConfig(MailConfig):
    """Sends each alert as a plain text mail; `sender` is a verified address, or of a verified domain.  SES gives mails
    a Message-ID of its own: what a crash repeats shows twice, in one thread, with the same Vigild-Key.

    Needs the permissions ses:SendEmail and ses:SendRawEmail and, for `vigild check`, ses:GetAccount.
    """

    type: Literal["ses"]
    region: RegionName | None = None
    """Where the sender is verified; the daemon's own region unless given."""
    configuration_set: ConfigurationSet | None = None
    """Counts bounces and complaints, and more."""

    def grants(self, place: Place) -> tuple[Grant, ...]:
        """See SinkConfig.  Which of the sender's domains is the verified one, the configuration does not say."""
        domain = self.sender.rpartition("@")[2]
        labels = domain.split(".")
        identities = [self.sender, *(".".join(labels[first:]) for first in range(max(len(labels) - 1, 1)))]
        prefix = f"arn:aws:ses:{self.region or place.region}:{place.account}"
        sets = [f"{prefix}:configuration-set/{self.configuration_set}"] if self.configuration_set else []
        resources = (*(f"{prefix}:identity/{name}" for name in identities), *sets)
        return Grant(("ses:SendEmail", "ses:SendRawEmail"), resources), Grant(("ses:GetAccount",), ("*",))


class SesSink:
    """One SendEmail a notice, to all recipients."""

    def __init__(self, _name: str, config: SesConfig, context: SinkContext) -> None:
        self._config = config
        self._clock = context.clock
        self._aws = context.aws

    async def open(self) -> None:
        """See Sink."""
        await self._aws.client("sesv2", self._config.region)

    async def send(self, notice: Notice) -> None:
        """See Sink."""
        config = self._config
        options = {"ConfigurationSetName": config.configuration_set} if config.configuration_set else {}
        client = await self._aws.client("sesv2", config.region)
        with aws_errors(), fail_after(config.timeout_seconds):
            answer = await client.send_email(
                FromEmailAddress=config.sender,
                Destination={"ToAddresses": config.recipients},
                Content={"Raw": {"Data": mail_of(notice, config, self._clock.now())}},
                **options,
            )
        answered(answer, "MessageId")

    async def check(self) -> str:
        """See Sink."""
        client = await self._aws.client("sesv2", self._config.region)
        with aws_errors(), fail_after(self._config.timeout_seconds):
            answer = await client.get_account()
        enabled = "enabled" if answered(answer, "SendingEnabled") else "paused"
        access = "" if answer.get("ProductionAccessEnabled", True) else ", in the sandbox: to verified addresses only"
        return f"SES for {self._config.sender}: sending is {enabled}{access}"

    async def close(self) -> None:
        """See Sink; whoever made the AWS clients closes them."""
