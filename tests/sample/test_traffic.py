from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Callable
from statistics import mean, median
from typing import Any

import orjson
import pytest

from daemon.sample.traffic import TRAFFIC

from .conftest import Written

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
DOCUMENTATION = [
    ipaddress.ip_network(one) for one in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "10.20.30.0/24")
]
ACCOUNTS = {"111122223333", "444455556666", "777788889999", "123456789012"}
SHARES = {"ec2": 0.24, "sts": 0.15, "kms": 0.125, "ssm": 0.10, "s3": 0.09, "logs": 0.05}
"""As the package's docstring states them."""


def share(sample: Written, wanted: Callable[[dict[str, Any]], bool]) -> float:
    """Return how many of the records are wanted, out of one."""
    records = sample.records.values()
    return sum(map(wanted, records)) / len(records)


@pytest.mark.parametrize(("service", "stated"), SHARES.items())
def test_services_have_their_stated_share(sample: Written, service: str, stated: float) -> None:
    """Each of the big services has the share of calls that the documentation states, within a fifth."""
    assert share(sample, lambda one: one["eventSource"] == f"{service}.amazonaws.com") == pytest.approx(stated, rel=0.2)


def test_most_calls_read_and_few_fail(sample: Written) -> None:
    """About nine calls in ten only read, and about one in twenty-five fails."""
    assert share(sample, lambda one: one["readOnly"]) == pytest.approx(0.89, abs=0.03)
    assert share(sample, lambda one: "errorMessage" in one) == pytest.approx(0.04, abs=0.015)


def test_identities_are_mixed(sample: Written) -> None:
    """Roles do most of the work, then users and services; the root user shows up in the intrusion alone."""
    kinds = Counter(one["userIdentity"].get("type") for one in sample.records.values())
    assert kinds["AssumedRole"] > kinds["IAMUser"] > kinds["AWSService"] > kinds["Root"] == 2


def test_records_have_the_size_of_real_ones(sample: Written) -> None:
    """Records average 1.25 KB in the files of a lab account; these come within a tenth, and none is very large."""
    sizes = [len(orjson.dumps(one)) for one in sample.records.values()]
    assert mean(sizes) == pytest.approx(1_250, rel=0.1)
    assert median(sizes) == pytest.approx(1_250, rel=0.1)
    assert min(sizes) > 600
    assert max(sizes) < 4_096


def test_records_have_cloudtrail_s_fields(sample: Written) -> None:
    """Every record has the fields that CloudTrail always writes, with their types."""
    for one in sample.records.values():
        assert one["eventVersion"] == "1.11"
        assert UUID.fullmatch(one["eventID"])
        assert re.fullmatch(r"[a-z0-9-]+\.amazonaws\.com", one["eventSource"])
        assert one["eventType"] in {"AwsApiCall", "AwsConsoleSignIn", "AwsServiceEvent"}
        assert ("requestID" in one) == (one["eventType"] == "AwsApiCall")
        assert (one["managementEvent"], one["eventCategory"]) == (True, "Management")
        assert isinstance(one["readOnly"], bool)
        assert isinstance(one["requestParameters"], dict | None)
        assert isinstance(one["responseElements"], dict | None)
        assert one["recipientAccountId"] in ACCOUNTS
        assert ("tlsDetails" in one) == ("invokedBy" not in one["userIdentity"])
        if "errorCode" in one:
            assert one["responseElements"] is None
            assert one["errorMessage"]


def test_identities_have_cloudtrail_s_shape(sample: Written) -> None:
    """A role's session names its role, a user its name, a service itself, as `userIdentity` does for each type."""
    for one in sample.records.values():
        identity = one["userIdentity"]
        match identity.get("type"):
            case "AssumedRole":
                assert re.fullmatch(r"AROA[A-Z2-7]{16}:.+", identity["principalId"])
                if one["eventType"] == "AwsApiCall":
                    issuer = identity["sessionContext"]["sessionIssuer"]
                    assert identity["principalId"].startswith(issuer["principalId"])
                    assert identity["sessionContext"]["attributes"]["creationDate"] <= one["eventTime"]
            case "IAMUser":
                assert identity["arn"].endswith(f"user/{identity['userName']}")
            case "Root":
                assert identity["arn"].endswith(":root")
            case _:
                assert identity["invokedBy"] == one["sourceIPAddress"] == one["userAgent"]


def test_an_entity_keeps_its_identifier(sample: Written) -> None:
    """A role or user has one unique identifier per account, whatever the session."""
    seen: dict[tuple[str, str], set[str]] = {}
    for one in sample.records.values():
        identity = one["userIdentity"]
        if identity.get("type") in {"AssumedRole", "IAMUser"}:
            name = identity["arn"].split(":")[5].split("/")[1]
            seen.setdefault((identity["accountId"], name), set()).add(identity["principalId"].split(":")[0])
    assert len(seen) > 20
    assert all(len(identifiers) == 1 for identifiers in seen.values())


def test_addresses_are_nobody_s(sample: Written) -> None:
    """Every address is one of documentation or of a private network, or it is a service's name."""
    for address in {one["sourceIPAddress"] for one in sample.records.values()}:
        if not address.endswith(".amazonaws.com"):
            assert any(ipaddress.ip_address(address) in network for network in DOCUMENTATION), address


def test_global_services_record_in_one_region(sample: Written) -> None:
    """IAM, Organizations, Health and sign-in are recorded in us-east-1 only, as CloudTrail does."""
    wanted = {f"{service}.amazonaws.com" for service in ("iam", "organizations", "health", "signin")}
    regions = {one["awsRegion"] for one in sample.records.values() if one["eventSource"] in wanted}
    assert regions == {"us-east-1"}


def test_every_kind_of_call_occurs_in_a_large_day() -> None:
    """The weights of the table make a thousand, as its comments say, and none is without an actor."""
    assert sum(shape.weight for shape in TRAFFIC) == pytest.approx(1_000, rel=0.02)
    assert all(shape.actors for shape in TRAFFIC)
