"""The tables of names against what botocore knows of AWS."""

from __future__ import annotations

import botocore.session
import pytest

from daemon.match.lint import LintCode, Subject, lint_pattern
from daemon.match.lint.names import CALLS, REGIONS, SOURCES


@pytest.fixture(scope="module")
def session() -> botocore.session.Session:
    return botocore.session.get_session()


def test_no_source_of_aws_is_taken_for_a_slip_of_another(session: botocore.session.Session) -> None:
    """Every service that botocore has is known, or like none that is."""
    models = [session.get_service_model(name) for name in session.get_available_services()]
    names = {model.endpoint_prefix for model in models} | {model.signing_name for model in models}
    assert {name: SOURCES.slip_of(name) for name in names if name.islower() and SOURCES.slip_of(name)} == {}


def test_no_call_of_aws_is_taken_for_a_slip_of_another(session: botocore.session.Session) -> None:
    """Every operation of every service is known, or like none that is."""
    models = [session.get_service_model(name) for name in session.get_available_services()]
    calls = {call for model in models for call in model.operation_names}
    assert len(calls) > 5_000
    assert {call: CALLS.slip_of(call) for call in calls if CALLS.slip_of(call)} == {}


def test_every_region_is_passed_over(session: botocore.session.Session) -> None:
    """Also those that are newer than the table, as far as they have the form of one."""
    partitions = session.get_available_partitions()
    regions = {region for partition in partitions for region in session.get_available_regions("ec2", partition)}
    for region in {*regions, "eu-west-9", "nz-south-1"}:
        found = lint_pattern(Subject({"source": ["aws.ec2"], "region": [region]}))
        assert [finding for finding in found if finding.code is LintCode.MISSPELT_VALUE] == []


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("eu-wst-1", "eu-west-1"),
        ("eu-weest-1", "eu-west-1"),
        ("eu-wesd-1", "eu-west-1"),
        ("eu-wset-1", "eu-west-1"),
        ("EU-WEST-1", "eu-west-1"),
        ("eu-west-", "eu-west-1"),
        ("eu-west-1", None),
        ("moon-base-1", None),
        ("", None),
        ("eu-west-1" * 10_000, None),
    ],
)
def test_one_slip_is_recognised(word: str, meant: str | None) -> None:
    """A letter left out, added, wrong, or swapped with its neighbour, and the case."""
    assert REGIONS.slip_of(word) == meant
