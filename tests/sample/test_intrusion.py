from __future__ import annotations

from collections import Counter
from pathlib import Path

import yaml

from daemon.sample.intrusion import STORY
from daemon.sample.organisation import ABROAD

from .conftest import Written

RULES = Path(__file__).parents[2] / "config" / "rules"


def test_every_step_is_planted_once(sample: Written) -> None:
    """Each call of the story is among the records, at its time and place, and told of in the summary."""
    assert len(sample.summary.planted) == len({one.event_id for one in sample.summary.planted}) == len(STORY)
    by_time = sorted(STORY, key=lambda step: (step.at, step.rules))
    told = sorted(sample.summary.planted, key=lambda one: (one.time, one.rules))
    for step, planted in zip(by_time, told, strict=True):
        record = sample.records[planted.event_id]
        assert record["eventTime"] == planted.time == f"2026-03-03T{step.at}Z"
        assert record["eventName"] == planted.event_name
        assert (record["recipientAccountId"], record["awsRegion"]) == (step.place.account.number, step.place.region)
        assert planted.account == record["recipientAccountId"]
        assert planted.rules == step.rules


def test_only_the_intruder_calls_from_abroad(sample: Written) -> None:
    """The network that the intruder uses is nobody else's, so that a reader can check what was found."""
    abroad = {event_id for event_id, one in sample.records.items() if one["sourceIPAddress"].startswith(ABROAD)}
    assert abroad == {one.event_id for one in sample.summary.planted}


def test_some_planted_calls_are_delivered_twice(sample: Written) -> None:
    """Repeats concern the intrusion too, so that alerts sent twice would show."""
    times = Counter(record["eventID"] for record in sample.copies)
    assert any(times[one.event_id] > 1 for one in sample.summary.planted)
    assert any(times[one.event_id] == 1 for one in sample.summary.planted)


def test_story_and_starter_pack_know_each_other() -> None:
    """Every step names rules that there are, and every rule of the starter pack has a step to find."""
    pack = {rule["name"] for path in RULES.glob("*.yaml") for rule in yaml.safe_load(path.read_text())["rules"]}
    assert {rule for step in STORY for rule in step.rules} == pack


def test_story_is_told_in_order() -> None:
    """The acts follow each other through the day."""
    assert [step.at for step in STORY] == sorted(step.at for step in STORY)
