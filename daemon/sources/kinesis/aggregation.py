"""Takes apart what the Kinesis Producer Library (KPL) aggregates: many user records in one Kinesis record.

reading.py gives every record to `user_records`.  An aggregate is four magic bytes, a protobuf message of two tables
and a list of records, and the MD5 of that message:
https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md
Only these two messages have to be read, so there is a reader for just them here and no protobuf library.
What carries the magic bytes but is no sound aggregate is passed on as it is, like KCL does: decode/ then reads it, or
rejects it with a reason.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from itertools import count

import msgspec

MAGIC = b"\xf3\x89\x9a\xc2"
_DIGEST_BYTES = 16
_MOST_USER_RECORDS = 100_000
"""In one aggregate: a record of 10 MB could name some millions of empty ones."""
_MOST_FIELDS = 5 * _MOST_USER_RECORDS
"""Read of one aggregate, those of its records with them: what bounds the time it takes.  A user record takes four with
its explicit hash key, and one has two entries in the tables at most."""
_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
"""Wire types: https://protobuf.dev/programming-guides/encoding/"""
_MOST_VARINT_BITS = 64


class UserRecord(msgspec.Struct, frozen=True, gc=False):
    """What a producer put."""

    partition_key: str
    data: bytes
    sub_sequence: int | None
    """Its place in the aggregate; None where the Kinesis record is no aggregate."""


def user_records(partition_key: str, data: bytes) -> list[UserRecord]:
    """Return the user records in a Kinesis record's data: at least one, the data itself where it is no aggregate."""
    if data.startswith(MAGIC) and (message := _checked(data)) is not None:
        try:
            found = _read_aggregate(message)
        except ValueError:
            found = []
        if found:
            return found
    return [UserRecord(partition_key, data, None)]


def _checked(data: bytes) -> memoryview | None:
    """Return the protobuf message, None where its digest does not fit."""
    view = memoryview(data)
    message, digest = view[len(MAGIC) : -_DIGEST_BYTES], view[-_DIGEST_BYTES:]
    return message if hashlib.md5(message, usedforsecurity=False).digest() == digest else None


def _read_aggregate(message: memoryview) -> list[UserRecord]:
    """AggregatedRecord: partition_key_table = 1, explicit_hash_key_table = 2, records = 3.  Raises ValueError."""
    keys: list[str] = []
    records: list[memoryview] = []
    room = count(_MOST_FIELDS, -1)
    for number, value in _fields(message, room):
        if number == 1:
            keys.append(_bytes(value).decode())
        elif number == 3:
            records.append(_view(value))
            if len(records) > _MOST_USER_RECORDS:
                raise ValueError("too many user records")
    return [_read_record(record, place, keys, room) for place, record in enumerate(records)]


def _read_record(message: memoryview, place: int, keys: list[str], room: Iterator[int]) -> UserRecord:
    """Record: partition_key_index = 1, explicit_hash_key_index = 2, data = 3, tags = 4.  Raises ValueError."""
    key: int | None = None
    data: bytes | None = None
    for number, value in _fields(message, room):
        if number == 1:
            if not isinstance(value, int):
                raise ValueError("partition_key_index is no number")
            key = value
        elif number == 3:
            data = _bytes(value)
    if key is None or data is None or key >= len(keys):
        raise ValueError("a user record without key or data")
    return UserRecord(keys[key], data, place)


def _bytes(value: int | memoryview) -> bytes:
    return bytes(_view(value))


def _view(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise ValueError("a number where bytes should be")  # noqa: TRY004 - one kind of error for what is malformed
    return value


def _fields(message: memoryview, room: Iterator[int]) -> Iterator[tuple[int, int | memoryview]]:
    """Yield field numbers and values of a message; `room` counts down how many more of its aggregate are read.

    Raises ValueError where there is no more room, and where the message is cut or not protobuf.
    """
    place, end = 0, len(message)
    while place < end:
        if next(room) <= 0:
            raise ValueError("too many fields")
        tag, place = _varint(message, place)
        kind = tag & 7
        if kind == _VARINT:
            value, place = _varint(message, place)
            yield tag >> 3, value
            continue
        if kind == _LENGTH:
            size, place = _varint(message, place)
        elif kind in (_FIXED64, _FIXED32):
            size = 8 if kind == _FIXED64 else 4
        else:
            raise ValueError(f"wire type {kind}")
        if place + size > end:
            raise ValueError("cut")
        yield tag >> 3, message[place : place + size]
        place += size


def _varint(message: memoryview, place: int) -> tuple[int, int]:
    """Return a number and the place after it."""
    value = shift = 0
    while place < len(message) and shift < _MOST_VARINT_BITS:
        byte = message[place]
        place += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, place
        shift += 7
    raise ValueError("cut, or a number of more than 64 bits")
