"""The shard graph of a stream: splits and merges make children, which are read only after their parents are drained.

A record of a key that lives in a child was written after all records of that key in its parents, so this keeps the
order of each key over resharding.  Pure: stream_calls.py lists the shards, keeper.py knows which have ended.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec


class Shard(msgspec.Struct, frozen=True):
    """A shard as ListShards describes it."""

    id: str
    parents: tuple[str, ...] = ()
    """None for a shard the stream began with, one after a split, two after a merge."""
    closed: bool = False
    """Takes no more records, but may hold some."""


def readable(shards: Mapping[str, Shard], ended: Collection[str]) -> set[str]:
    """Return the shards whose turn it is: not ended themselves, and all of their parents ended.

    A parent that is listed no more has ended: the stream keeps none of its records.
    """
    return {
        shard.id
        for shard in shards.values()
        if shard.id not in ended and all(parent in ended or parent not in shards for parent in shard.parents)
    }
