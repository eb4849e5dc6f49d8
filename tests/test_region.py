"""Queue URLs name their region."""

from __future__ import annotations

import pytest

from daemon.clients import region_of


@pytest.mark.parametrize(
    ("host", "region"),
    [
        ("sqs.eu-central-1.amazonaws.com", "eu-central-1"),
        ("sqs.cn-north-1.amazonaws.com.cn", "cn-north-1"),
        ("sqs-fips.us-gov-west-1.amazonaws.com", "us-gov-west-1"),
        ("sqs.us-east-1.api.aws", "us-east-1"),
        ("vpce-0123-abc.sqs.ap-southeast-2.vpce.amazonaws.com", "ap-southeast-2"),
        ("eu-west-1.queue.amazonaws.com", "eu-west-1"),
        ("127.0.0.1:4566", None),
        ("sqs.localhost", None),
    ],
)
def test_the_region_is_in_the_url(host: str, region: str | None) -> None:
    """Every form of queue URL that AWS hands out names its region; an emulator's names none."""
    assert region == region_of(f"https://{host}/123456789012/orders")
