"""Where alerts go, one service a file; dispatch/ builds sinks by their `type` and sends notices to them.

To add a sink:

1. Copy file.py or webhook.py to <type>.py; the file's name is the `type:` people write and the metric label.
2. Write XConfig(SinkConfig): `type: Literal["<type>"]`, every option once, with bounds, unit in its name, docstring.
3. Take secrets as Secret beside a `_file` twin, read at every use with `context.secrets`.
4. Write X with the methods of Sink (base.py) and the constructor (name, config, context).
5. Translate foreign errors inside daemon/clients; raise RetryableError or PermanentError, with no secret in the text.
6. Where people read it, say what facts.py and message_text.py say.
7. Hand `notice.key` to the other side wherever its protocol has a place for it.
8. Add the line to SINKS below.
9. Add its other end to the tests, by its kind: tests/sinks/services.py (posts a form of its own), aws_services.py and
   aws_rigs.py (calls AWS), else rigs.py; test_every_sink.py then holds it to the contract of all sinks, and
   test_configured.py runs it from a configuration file.  Add tests/sinks/test_<type>.py for the rest.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from daemon.sinks.alertmanager import AlertmanagerConfig, AlertmanagerSink
from daemon.sinks.base import Sink, SinkConfig, SinkContext
from daemon.sinks.cloudwatch import CloudwatchConfig, CloudwatchSink
from daemon.sinks.file import FileConfig, FileSink
from daemon.sinks.firehose import FirehoseConfig, FirehoseSink
from daemon.sinks.kinesis import KinesisConfig, KinesisSink
from daemon.sinks.opsgenie import OpsgenieConfig, OpsgenieSink
from daemon.sinks.pagerduty import PagerdutyConfig, PagerdutySink
from daemon.sinks.securityhub import SecurityhubConfig, SecurityhubSink
from daemon.sinks.ses import SesConfig, SesSink
from daemon.sinks.slack import SlackConfig, SlackSink
from daemon.sinks.smtp import SmtpConfig, SmtpSink
from daemon.sinks.sns import SnsConfig, SnsSink
from daemon.sinks.sqs import SqsConfig, SqsSink
from daemon.sinks.stdout import StdoutConfig, StdoutSink
from daemon.sinks.teams import TeamsConfig, TeamsSink
from daemon.sinks.webhook import WebhookConfig, WebhookSink

__all__ = ("SINKS", "AnySinkConfig", "SinkKind", "build")


@dataclass(frozen=True, slots=True)
class SinkKind:
    """What belongs to one `type`."""

    config: type[SinkConfig]
    sink: Callable[[str, Any, SinkContext], Sink]
    """The class; called with name, an instance of `config`, context."""


SINKS = {
    "alertmanager": SinkKind(AlertmanagerConfig, AlertmanagerSink),
    "cloudwatch": SinkKind(CloudwatchConfig, CloudwatchSink),
    "file": SinkKind(FileConfig, FileSink),
    "firehose": SinkKind(FirehoseConfig, FirehoseSink),
    "kinesis": SinkKind(KinesisConfig, KinesisSink),
    "opsgenie": SinkKind(OpsgenieConfig, OpsgenieSink),
    "pagerduty": SinkKind(PagerdutyConfig, PagerdutySink),
    "securityhub": SinkKind(SecurityhubConfig, SecurityhubSink),
    "ses": SinkKind(SesConfig, SesSink),
    "slack": SinkKind(SlackConfig, SlackSink),
    "smtp": SinkKind(SmtpConfig, SmtpSink),
    "sns": SinkKind(SnsConfig, SnsSink),
    "sqs": SinkKind(SqsConfig, SqsSink),
    "stdout": SinkKind(StdoutConfig, StdoutSink),
    "teams": SinkKind(TeamsConfig, TeamsSink),
    "webhook": SinkKind(WebhookConfig, WebhookSink),
}


if TYPE_CHECKING:
    AnySinkConfig = SinkConfig
else:
    AnySinkConfig = Annotated[reduce(or_, (kind.config for kind in SINKS.values())), Field(discriminator="type")]
    """Any sink's configuration, told apart by `type`."""


def build(name: str, config: SinkConfig, context: SinkContext) -> Sink:
    """Return the sink that the configuration asks for, not opened yet; `name` is its name in the configuration."""
    return SINKS[config.type].sink(name, config, context)
