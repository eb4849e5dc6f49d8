"""Notices for the tests of sinks."""

from __future__ import annotations

from itertools import count

from daemon.dispatch.notices import Headline, build_notice
from daemon.event import Event
from daemon.sinks.base import Notice, Severity

EVENT = (
    b'{"version":"0","id":"7bf73129-1428-4cd3-a780-95db273d1602","source":"aws.ec2","account":"123456789012",'
    b'"region":"us-east-1","time":"2026-11-11T21:29:54Z","detail-type":"EC2 Instance State-change Notification",'
    b'"resources":[],"detail":{"instance-id":"i-0123456789","state":"running"}}'
)

HOSTILE_EVENT = (
    '{"source":"aws.ec2","account":"1\\u001b[2J","region":"us\\u202eeast",'
    '"time":"2026-11-11T21:29:54Z\\nCRITICAL fake line",\n'
    '"detail":{\t"markup":"<script>alert(1)</script> & ]]> <!channel> @everyone",\r\n'
    '"lines":"one\\r\\ntwo\\u2028three","escapes":"\\u001b]0;title\\u0007\\u009b31m","raw":"\x9b2J \u202egpj.exe \x7f",'
    '"refused by SQS":"\uffff \ufffe","half a pair":"\\ud800","quotes":"\\"},{\\"rule\\":\\"fake"}}'
).encode()
"""Valid JSON with everything in it that some reader obeys."""

_numbers = count(1)


def notice(body: bytes = EVENT, description: str = "An instance was started") -> Notice:
    """Return a notice with a key of its own."""
    event = Event(identity="id-1", body=body, time="2026-11-11T21:29:54Z")
    headline = Headline("instance-started", Severity.HIGH, description)
    return build_notice(f"{next(_numbers):032x}", headline, event, received_at=0.0)
