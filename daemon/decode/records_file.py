"""Takes a CloudTrail log file, `{"Records": [...]}`, apart into the bytes of its records; record by record it is read
in shapes.py.

Finding where each record begins and ends costs as much as reading the fields a screen looks at (record_screen.py), so
where a screen has said which few records are wanted, only these are cut out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeAlias

import msgspec

from daemon.decode.cloudtrail import CloudTrailRecord

Numbered: TypeAlias = tuple[int, CloudTrailRecord]
"""A record's header fields, and its place in the file."""

_OPENING = b'{"eventVersion":'
_SEAM = b"," + _OPENING
"""Between two records, as CloudTrail writes them: no string in JSON can hold this, because of its bare quotes."""


class _RecordsFile(msgspec.Struct):
    Records: list[msgspec.Raw]


_decode_file = msgspec.json.Decoder(_RecordsFile).decode


def all_records(document: bytes) -> Iterator[bytes]:
    """Yield every record.  Raises msgspec.DecodeError for what is no such file."""
    return map(bytes, _decode_file(document).Records)


def some_records(document: bytes, wanted: Sequence[Numbered]) -> Iterable[tuple[bytes, CloudTrailRecord]]:
    """Return the records wanted, in order, out of a file that is known to be well formed."""
    try:
        return list(_cut_out(document, wanted))
    except (LookupError, msgspec.DecodeError):
        records = _decode_file(document).Records
        return [(bytes(records[number]), record) for number, record in wanted]


def _cut_out(document: bytes, wanted: Sequence[Numbered]) -> Iterator[tuple[bytes, CloudTrailRecord]]:
    """Yield what lies between the seams around each record's eventID.

    Raises LookupError or msgspec.DecodeError where that is not one whole object that reads the same as the record: the
    file is spelled in another way than CloudTrail's, or a record holds objects that look like records.  None of those
    can pass for another record of the file, because nobody knows an eventID before CloudTrail makes it.
    """
    end = 0
    for _, record in wanted:
        name = document.find(b'"eventID":"%b"' % record.eventID.encode(), end)
        start = document.rfind(_OPENING, end, max(name, 0))
        end = document.find(_SEAM, name)
        if end < 0:
            end = document.rfind(b"]")
        body = document[start:end]
        if start < 0 or msgspec.json.decode(body, type=type(record)) != record:
            raise LookupError
        yield body, record
