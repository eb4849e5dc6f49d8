from __future__ import annotations

from daemon.sources.kinesis.shards import Shard, readable


def by_id(*shards: Shard) -> dict[str, Shard]:
    return {shard.id: shard for shard in shards}


def test_children_wait_for_all_of_their_parents() -> None:
    """After a split and a merge, each generation's turn comes when the one before has ended."""
    shards = by_id(
        Shard("a", closed=True),
        Shard("b", closed=True),
        Shard("a1", ("a",)),
        Shard("a2", ("a",), closed=True),
        Shard("m", ("a2", "b")),
    )

    assert readable(shards, set()) == {"a", "b"}
    assert readable(shards, {"a"}) == {"b", "a1", "a2"}
    assert readable(shards, {"a", "a2"}) == {"b", "a1"}
    assert readable(shards, {"a", "b"}) == {"a1", "a2"}
    assert readable(shards, {"a", "b", "a2"}) == {"a1", "m"}


def test_a_parent_that_the_stream_has_forgotten_has_ended() -> None:
    """A child whose parent's records are all gone is read at once."""
    assert readable(by_id(Shard("child", ("gone", "gone too"))), set()) == {"child"}
