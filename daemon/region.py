"""Where a queue is, by its URL: sources/ and sinks/ sign their calls for that region."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_IN_HOST = re.compile(r"(?:^|\.)sqs(?:-fips)?\.([a-z]{2}[a-z0-9-]*-\d)\.|^([a-z]{2}[a-z0-9-]*-\d)\.queue\.")
"""sqs.<region>.amazonaws.com[.cn], sqs-fips., vpce-....sqs.<region>.vpce.amazonaws.com, sqs.<region>.api.aws, and the
legacy <region>.queue.amazonaws.com."""


def region_of(queue_url: str) -> str | None:
    """Return the region that an AWS queue URL names; None for an emulator's."""
    found = _IN_HOST.search(urlsplit(queue_url).hostname or "")
    return found and (found[1] or found[2])
