from __future__ import annotations

import gzip

import orjson
import pytest

from daemon.errors import RejectReason
from daemon.sample.faults import FAULTS, BrokenRecord, fault
from daemon.sample.organisation import PLACES
from daemon.sample.rhythm import SLOTS

from .conftest import Written, readable


def test_every_fault_occurs_once() -> None:
    """The faults are spread over the day, each in one delivery."""
    found = [one for slot in range(SLOTS) for number in range(len(PLACES)) if (one := fault(number, slot)) is not None]
    assert found == list(FAULTS)


def test_summary_tells_of_every_fault(sample: Written) -> None:
    """What the summary calls broken is what the faults are, in their order, and the files are there."""
    told = [(one.reason, one.record) for one in sample.summary.broken]
    assert told == [(one.reason, isinstance(one, BrokenRecord)) for one in FAULTS]
    assert all((sample.folder / one.path).is_file() for one in sample.summary.broken)


def test_broken_files_are_broken_for_their_reason(sample: Written) -> None:
    """Each broken file fails at the step of reading that its reason names."""
    contents = {one.reason: (sample.folder / one.path).read_bytes() for one in sample.summary.broken if not one.record}
    assert contents[RejectReason.EMPTY] == b""
    with pytest.raises(EOFError):
        gzip.decompress(contents[RejectReason.BAD_GZIP])
    with pytest.raises(orjson.JSONDecodeError):
        orjson.loads(gzip.decompress(contents[RejectReason.NOT_JSON]))
    assert not isinstance(orjson.loads(gzip.decompress(contents[RejectReason.NOT_AN_OBJECT])), dict)
    assert not isinstance(orjson.loads(gzip.decompress(contents[RejectReason.BAD_ENVELOPE]))["Records"], list)


def test_broken_records_stand_among_good_ones(sample: Written) -> None:
    """A file with a broken record holds good ones as well, which must not be lost with it."""
    for one in sample.summary.broken:
        if one.record:
            records = sample.files[one.path]
            good = [it for it in records if readable(it)]
            assert len(good) == len(records) - 1 > 0
