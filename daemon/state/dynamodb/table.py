"""The table itself: what it must look like, and making it.  `vigild state create-table` and the store's open call it.

deploy/dynamodb/table.yaml is the same table as CloudFormation.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from daemon.clients import AwsClients, aws_errors
from daemon.clock import Clock
from daemon.errors import StateError
from daemon.state.dynamodb.calls import TableCalls
from daemon.state.dynamodb.config import DynamodbConfig
from daemon.state.dynamodb.layout import PARTITION_KEY, SORT_KEY, TTL_ATTRIBUTE

TABLE: dict[str, Any] = {
    "AttributeDefinitions": [
        {"AttributeName": PARTITION_KEY, "AttributeType": "S"},
        {"AttributeName": SORT_KEY, "AttributeType": "S"},
    ],
    "KeySchema": [
        {"AttributeName": PARTITION_KEY, "KeyType": "HASH"},
        {"AttributeName": SORT_KEY, "KeyType": "RANGE"},
    ],
    "BillingMode": "PAY_PER_REQUEST",
}
TIME_TO_LIVE = {"AttributeName": TTL_ATTRIBUTE, "Enabled": True}

_POLL_SECONDS = 1.0
_POLLS = 120


async def verify_table(calls: TableCalls, config: DynamodbConfig) -> dict[str, Any]:
    """Return the table's description.  Raises StateError where it is missing, being made, or of other keys."""
    table = await calls.describe("describe_table", "Table")
    keys = sorted((key["KeyType"], key["AttributeName"]) for key in table["KeySchema"])
    if keys != [("HASH", PARTITION_KEY), ("RANGE", SORT_KEY)]:
        raise StateError(f"dynamodb: table {config.table_name} has other keys than {PARTITION_KEY} and {SORT_KEY}")
    if table["TableStatus"] not in {"ACTIVE", "UPDATING"}:
        raise StateError(f"dynamodb: table {config.table_name} is {table['TableStatus']}")
    return table


async def describe_table(calls: TableCalls, config: DynamodbConfig) -> str:
    """Return a line about the table, which ends with what is unwise about it.  Raises StateError."""
    table = await verify_table(calls, config)
    line = f"dynamodb: table {config.table_name}, namespace {config.namespace}, about {table['ItemCount']:,} items"
    ttl = await calls.describe("describe_time_to_live", "TimeToLiveDescription")
    if ttl["TimeToLiveStatus"] in {"ENABLED", "ENABLING"} and ttl.get("AttributeName") == TTL_ATTRIBUTE:
        return line
    return f"{line}; warning: time to live is not enabled on {TTL_ATTRIBUTE!r}, so the table only grows"


async def create_table(config: DynamodbConfig, aws: AwsClients, clock: Clock) -> bool:
    """Make the table and have expired items removed; False where the table was there already.

    Raises StateError when it is there with other keys or does not get ready, EffectError when AWS refuses.
    """
    client = await aws.client("dynamodb", config.region)
    made = await _create(client, config.table_name)
    for _ in range(_POLLS):
        with aws_errors():
            table = (await client.describe_table(TableName=config.table_name))["Table"]
        if table["TableStatus"] != "CREATING":
            break
        await clock.sleep(_POLL_SECONDS)
    with aws_errors():
        answer = await client.describe_time_to_live(TableName=config.table_name)
    if answer["TimeToLiveDescription"]["TimeToLiveStatus"] == "DISABLED":
        with aws_errors():
            await client.update_time_to_live(TableName=config.table_name, TimeToLiveSpecification=TIME_TO_LIVE)
    return made


async def _create(client: Any, name: str) -> bool:
    with aws_errors():
        try:
            await client.create_table(TableName=name, **TABLE)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "ResourceInUseException":
                return False
            raise
    return True
