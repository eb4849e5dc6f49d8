"""The CloudFormation template of the state table: valid, and the table that the daemon expects."""

from __future__ import annotations

import re

from daemon.state.dynamodb import DynamodbConfig
from daemon.state.dynamodb.table import TABLE, TIME_TO_LIVE
from tests.deploy.test_ecs import load_template
from tests.deploy.tools import DEPLOY, run, tool

TEMPLATE = DEPLOY / "dynamodb" / "table.yaml"


def test_cloudformation_accepts_it() -> None:
    """cfn-lint has nothing to say."""
    run(tool("cfn-lint", "cfn-lint"), str(TEMPLATE))


def test_it_is_the_table_that_the_command_makes() -> None:
    """Keys, capacity and time to live are those of `vigild state create-table`."""
    properties = load_template(TEMPLATE)["Resources"]["Table"]["Properties"]

    assert {name: properties[name] for name in TABLE} == TABLE
    assert properties["TimeToLiveSpecification"] == TIME_TO_LIVE


def test_the_policy_is_what_the_configuration_says_it_needs() -> None:
    """The calls that the configuration's page lists are allowed on the table, and no others."""
    statements = load_template(TEMPLATE)["Resources"]["StatePolicy"]["Properties"]["PolicyDocument"]["Statement"]

    assert [statement["Resource"] for statement in statements] == [{"GetAtt": "Table.Arn"}]
    assert set(statements[0]["Action"]) == set(re.findall(r"dynamodb:\w+", DynamodbConfig.__doc__ or ""))
