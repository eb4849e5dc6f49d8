from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.sources.kinesis.aggregation import MAGIC, UserRecord, user_records
from tests.sources.streams import aggregate, varint


def sealed(message: bytes) -> bytes:
    """Return a message as an aggregate with the right digest."""
    return MAGIC + message + hashlib.md5(message, usedforsecurity=False).digest()


def test_user_records_come_out_in_order_with_their_keys() -> None:
    """An aggregate gives each user record its own partition key, data and place."""
    data = aggregate([("a", b"one"), ("b", b"two" * 100), ("a", b"")])

    assert user_records("outer", data) == [
        UserRecord("a", b"one", 0),
        UserRecord("b", b"two" * 100, 1),
        UserRecord("a", b"", 2),
    ]


def test_fields_we_have_no_use_for_are_passed_over() -> None:
    """Explicit hash keys, tags and fields of a later version of the format do not disturb."""
    record = b"\x08\x00" + b"\x10\x00" + b"\x1a\x02hi" + b"\x22\x03\x0a\x01t" + b"\x29" + bytes(8) + b"\x35" + bytes(4)
    message = b"\x0a\x01k" + b"\x12\x01" + b"7" + b"\x1a" + varint(len(record)) + record + b"\x58\x05"

    assert user_records("outer", sealed(message)) == [UserRecord("k", b"hi", 0)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b'{"detail-type":"x"}',
        MAGIC,
        MAGIC + bytes(16),
        aggregate([("a", b"one")], digest=bytes(16)),
        aggregate([("a", b"one")])[:-1],
        sealed(b""),
        sealed(b"\x0a\x01k"),
        sealed(b"\x0a\x05k"),
        sealed(b"\x1a\x02\x08\x00"),
        sealed(b"\x0a\x01k\x1a\x05\x08\x01\x1a\x01d"),
        sealed(b"\x0a\x01k\x1a\x04\x1a\x02da"),
        sealed(b"\x0a\x01\xff\x1a\x05\x08\x00\x1a\x01d"),
        sealed(b"\x08\x01"),
        sealed(b"\x0b"),
        sealed(b"\x80" * 11),
        sealed(b"\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
    ],
    ids=lambda data: data[:24].hex() or "empty",
)
def test_what_is_no_sound_aggregate_is_passed_on_as_it_is(data: bytes) -> None:
    """A wrong digest, a cut or senseless message, a key that is not in the table: the record itself goes on."""
    assert user_records("outer", data) == [UserRecord("outer", data, None)]


@pytest.mark.parametrize(
    "fields",
    [b"\x1a\x04\x08\x00\x1a\x00" * 100_001, b"\x0a\x00" * 500_000, b"\x58\x05" * 500_000],
    ids=["user records", "keys", "of no use"],
)
def test_an_aggregate_of_too_many_parts_is_passed_on_whole(fields: bytes) -> None:
    """A record that names more than memory should hold, or time be spent on, is not taken apart, however sound."""
    bomb = sealed(b"\x0a\x01k" + fields + b"\x1a\x05\x08\x00\x1a\x01d")

    assert user_records("outer", bomb) == [UserRecord("outer", bomb, None)]


@given(st.lists(st.tuples(st.text(min_size=1, max_size=5), st.binary(max_size=300)), min_size=1, max_size=50))
def test_any_aggregate_comes_apart_into_what_was_put_in(records: list[tuple[str, bytes]]) -> None:
    """What a producer aggregates is what we read."""
    read = user_records("outer", aggregate(records))

    assert [(record.partition_key, record.data) for record in read] == records
    assert [record.sub_sequence for record in read] == list(range(len(records)))


@given(st.binary(max_size=60))
def test_no_message_under_a_right_digest_raises(message: bytes) -> None:
    """Whatever the bytes, there is an answer."""
    assert user_records("outer", sealed(message))


def test_no_cut_or_changed_aggregate_raises() -> None:
    """Bits that flip on the way give the record itself."""
    whole, rng = aggregate([("a", b"one"), ("b", b"two")]), random.Random(7)
    for _ in range(500):
        place = rng.randrange(len(whole))
        changed = whole[:place] + bytes([whole[place] ^ 1 << rng.randrange(8)]) + whole[place + 1 :]
        assert user_records("outer", changed) == [UserRecord("outer", changed, None)]
