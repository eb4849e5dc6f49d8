from __future__ import annotations

import re
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from daemon.errors import ConfigError
from daemon.sample import SamplePlan, write_day, writer

from .conftest import EVENTS, Written, read, readable

FILE = re.compile(
    r"AWSLogs/o-exampleorgid/(\d{12})/CloudTrail/([a-z]{2}-[a-z]+-\d)/(\d{4}/\d{2}/\d{2})/"
    r"\1_CloudTrail_\2_(\d{8}T\d{4}Z)_[A-Za-z0-9]{16}\.json\.gz"
)
"""CloudTrail user guide, "Finding your CloudTrail log files": the form for trails of an organisation."""


def digests(folder: Path) -> dict[str, str]:
    """Return a digest of each file's content, by its path."""
    return {
        str(path.relative_to(folder)): sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_equal_plans_give_equal_bytes(tmp_path: Path) -> None:
    """The same arguments write the same files with the same content, byte for byte."""
    first = write_day(tmp_path / "a", SamplePlan(events=400, seed=7))
    second = write_day(tmp_path / "b", SamplePlan(events=400, seed=7))
    assert digests(tmp_path / "a") == digests(tmp_path / "b")
    assert first == second


def test_another_seed_gives_another_day(tmp_path: Path) -> None:
    """No file of one seed has the name of a file of another."""
    write_day(tmp_path / "a", SamplePlan(events=100, seed=1))
    write_day(tmp_path / "b", SamplePlan(events=100, seed=2))
    assert not digests(tmp_path / "a").keys() & digests(tmp_path / "b").keys()


def test_another_day_moves_every_record(tmp_path: Path) -> None:
    """All records lie on the day that was asked for, in UTC."""
    summary = write_day(tmp_path, SamplePlan(events=100, day=date(2025, 12, 31)))
    written = read(tmp_path, summary)
    assert {record["eventTime"][:10] for record in written.copies} == {"2025-12-31"}


def test_books_balance(sample: Written) -> None:
    """Distinct records, repeats and broken records are all that the good files hold."""
    summary = sample.summary
    assert summary.records == EVENTS == len(sample.records)
    assert summary.repeats == len(sample.copies) - len(sample.records) > 0
    broken = sum(one.record for one in summary.broken)
    assert sum(map(len, sample.files.values())) == summary.records + summary.repeats + broken


def test_summary_counts_files_and_bytes(sample: Written) -> None:
    """The number and the size of all files on disk are those of the summary."""
    sizes = [path.stat().st_size for path in sample.folder.rglob("*.json.gz")]
    assert (len(sizes), sum(sizes)) == (sample.summary.files, sample.summary.packed_bytes)


def test_files_lie_where_cloudtrail_puts_them(sample: Written) -> None:
    """A file's path names the account and region of its records and a time soon after them."""
    for path, records in sample.files.items():
        found = FILE.fullmatch(str(path))
        assert found is not None, path
        account, region, folder, stamp = found.groups()
        delivered = datetime.strptime(stamp, "%Y%m%dT%H%MZ").replace(tzinfo=UTC)
        assert f"{delivered:%Y/%m/%d}" == folder
        for record in records:
            if readable(record):
                assert (record["recipientAccountId"], record["awsRegion"]) == (account, region)
                age = delivered - datetime.fromisoformat(record["eventTime"])
                assert timedelta(0) < age, path


def test_repeated_files_and_records_are_copies(sample: Written) -> None:
    """Some files come again whole, and some records alone; a copy is equal to its original."""
    times = Counter(record["eventID"] for record in sample.copies)
    assert set(times.values()) >= {1, 2}
    assert all(sample.records[record["eventID"]] == record for record in sample.copies)
    groups = Counter(frozenset(str(record) for record in records) for records in sample.files.values())
    assert max(groups.values()) == 2


def test_no_file_grows_with_the_day(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy delivery is split into files of a fixed size, so that memory does not grow with the number of events."""
    monkeypatch.setattr(writer, "_FILE_RECORDS", 10)
    summary = write_day(tmp_path, SamplePlan(events=3000))
    written = read(tmp_path, summary)
    planted = {one.event_id for one in summary.planted}
    assert len(written.records) == summary.records == 3000
    for records in written.files.values():
        benign = [one for one in records if not readable(one) or one["eventID"] not in planted]
        assert len(benign) <= 10 + 2  # one that comes again and one that is broken


def test_the_smallest_plan_holds_the_intrusion_only(tmp_path: Path) -> None:
    """A plan of as many events as the intrusion has calls writes nothing else."""
    smallest = len(write_day(tmp_path / "a", SamplePlan(events=100)).planted)
    summary = write_day(tmp_path / "b", SamplePlan(events=smallest))
    assert read(tmp_path / "b", summary).records.keys() == {one.event_id for one in summary.planted}


def test_a_plan_without_room_for_the_intrusion_is_refused(tmp_path: Path) -> None:
    """Fewer events than the intrusion has calls is an error of the user, and nothing is written."""
    with pytest.raises(ConfigError, match="events: 10 is less than"):
        write_day(tmp_path / "new", SamplePlan(events=10))
    assert not (tmp_path / "new").exists()


def test_a_folder_that_cannot_be_made_is_reported(tmp_path: Path) -> None:
    """A file in the folder's place is an error that names the path."""
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match="taken"):
        write_day(tmp_path / "taken", SamplePlan(events=100))


def test_progress_reaches_the_number_of_events(tmp_path: Path) -> None:
    """Progress only grows, and ends at the number of events that was asked for."""
    told: list[int] = []
    write_day(tmp_path, SamplePlan(events=300), told.append)
    assert told == sorted(told)
    assert told[-1] == 300


def test_compressed_files_hold_no_time(sample: Written) -> None:
    """The gzip header's time stamp is zero (RFC 1952), for it would differ from run to run."""
    assert all((sample.folder / path).read_bytes()[4:8] == bytes(4) for path in sample.files)
