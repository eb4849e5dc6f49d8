"""How items lie in the table: keys, attributes, and the conditions that make versions and expiry hold.

An item's partition key is namespace and collection, its sort key the whole key, so that a scan of a prefix is a Query.
DynamoDB takes 1,000 writes a second to one partition key (developer guide, "Best practices for designing and using
partition keys"): a collection that grows with the events is spread over several.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import Any

from daemon.errors import StateError
from daemon.state.base import ABSENT, Item, collection_of

PARTITION_KEY = "pk"
SORT_KEY = "sk"
TTL_ATTRIBUTE = "ttl"
"""Whole seconds, which DynamoDB's own removal reads; `expires_at` beside it is exact."""

_SPREAD = {"claim": 16}
"""Into how many partition keys a collection is spread: part of the layout, so changing one hides what is there."""

Attributes = dict[str, Any]


class Layout:
    """The layout of one namespace."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace

    def key(self, key: str) -> Attributes:
        """Return the primary key of an item."""
        partitions = self.partitions(key)
        place = zlib.crc32(key.encode()) % len(partitions)
        return {PARTITION_KEY: {"S": partitions[place]}, SORT_KEY: {"S": key}}

    def partitions(self, prefix: str) -> list[str]:
        """Return the partition keys under which the items of a prefix, or of a key, may lie."""
        collection = collection_of(prefix)
        root = f"{self._namespace}/{collection}"
        spread = _SPREAD.get(collection, 1)
        return [root] if spread == 1 else [f"{root}/{number:02}" for number in range(spread)]

    def attributes(self, item: Item) -> Attributes:
        """Return an item as the table holds it."""
        attributes = {**self.key(item.key), "content": {"B": item.value}, "version": {"N": str(item.version)}}
        if item.expires_at is not None:
            attributes["expires_at"] = {"N": repr(item.expires_at)}
            attributes[TTL_ATTRIBUTE] = {"N": str(math.ceil(item.expires_at))}
        return attributes


def item_of(attributes: Attributes, now: float) -> Item | None:
    """Return the item that the table holds; None where it has expired.  Raises StateError for what we never wrote."""
    try:
        expires_at = float(attributes["expires_at"]["N"]) if "expires_at" in attributes else None
        if expires_at is not None and expires_at <= now:
            return None
        return Item(attributes[SORT_KEY]["S"], attributes["content"]["B"], int(attributes["version"]["N"]), expires_at)
    except (LookupError, ValueError) as error:
        raise StateError(f"dynamodb: not an item of vigild's: {attributes.get(SORT_KEY)}") from error


def condition(expect: int | None, now: float) -> Mapping[str, Any]:
    """Return the parameters of a write that takes place only while the item's version is `expect`."""
    if expect is None:
        return {}
    seconds = {":now": {"N": repr(now)}}
    if expect == ABSENT:
        text, values = "attribute_not_exists(#version) OR #expires_at <= :now", seconds
    else:
        text = "#version = :version AND (attribute_not_exists(#expires_at) OR #expires_at > :now)"
        values = {**seconds, ":version": {"N": str(expect)}}
    return {
        "ConditionExpression": text,
        "ExpressionAttributeNames": {"#version": "version", "#expires_at": "expires_at"},
        "ExpressionAttributeValues": values,
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
