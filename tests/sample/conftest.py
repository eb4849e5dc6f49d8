"""One sample day, written once for all tests that only look at it."""

from __future__ import annotations

import gzip
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import orjson
import pytest

from daemon.sample import SamplePlan, SampleSummary, write_day

EVENTS = 12_000


@dataclass(frozen=True)
class Written:
    """A sample as it lies on disk, beside what the writer says of it."""

    folder: Path
    summary: SampleSummary
    files: dict[Path, list[Any]]
    """What the good files hold, by path in the bucket: records as JSON, broken ones too."""

    @cached_property
    def copies(self) -> list[dict[str, Any]]:
        """Every readable record as often as it was delivered."""
        return [record for records in self.files.values() for record in records if readable(record)]

    @cached_property
    def records(self) -> dict[str, dict[str, Any]]:
        """Every readable record once, by its eventID."""
        return {record["eventID"]: record for record in self.copies}


def readable(record: Any) -> bool:
    """Tell a record from what is broken on purpose."""
    return isinstance(record, dict) and isinstance(record["eventID"], str)


def read(folder: Path, summary: SampleSummary) -> Written:
    """Read back what was written, except the files that the summary calls broken."""
    broken = {one.path for one in summary.broken if not one.record}
    paths = [path.relative_to(folder) for path in sorted(folder.rglob("*.json.gz"))]
    files = {
        path: orjson.loads(gzip.decompress((folder / path).read_bytes()))["Records"]
        for path in paths
        if path not in broken
    }
    return Written(folder, summary, files)


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """A day of 12,000 calls."""
    folder = tmp_path_factory.mktemp("sample")
    return read(folder, write_day(folder, SamplePlan(events=EVENTS)))
