from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson
import pytest

from daemon.cli import main

RULES = """
rules:
  - name: trail-stopped
    description: A trail no longer records.
    pattern:
      source: [aws.cloudtrail]
      detail:
        $or:
          - eventName: [StopLogging]
          - {eventName: [DeleteTrail], requestParameters: {name: [main]}}
"""
RECORD = {
    "eventVersion": "1.08",
    "eventID": "11111111-2222-3333-4444-555555555555",
    "eventSource": "cloudtrail.amazonaws.com",
    "eventName": "StopLogging",
    "eventType": "AwsApiCall",
    "eventTime": "2026-01-02T03:04:05Z",
    "awsRegion": "eu-west-1",
    "recipientAccountId": "111122223333",
}
EVENT = {"id": "e", "source": "aws.cloudtrail", "detail-type": "t", "detail": {"eventName": "stoplogging"}}


class Vigild:
    """Runs the command in a folder with one rule."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch, capture: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._patch = patch
        self._capture = capture
        (folder / "rules.yaml").write_text(RULES)
        patch.chdir(folder)

    def explain(self, *arguments: str, rule: str = "trail-stopped") -> tuple[int, str, str]:
        """Return exit code, standard output, standard error."""
        self._patch.setattr(sys, "argv", ["vigild", "explain", rule, *arguments, "--rules", "rules.yaml"])
        with pytest.raises(SystemExit) as ended:
            main()
        said = self._capture.readouterr()
        return int(ended.value.code or 0), said.out, said.err

    def write(self, name: str, *documents: Any) -> str:
        """Write a file of JSON, one document a line."""
        (self.folder / name).write_bytes(b"\n".join(map(orjson.dumps, documents)))
        return name


@pytest.fixture
def vigild(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Vigild:
    return Vigild(tmp_path, monkeypatch, capsys)


def test_a_match_is_explained(vigild: Vigild) -> None:
    """A CloudTrail record goes through the daemon's decoder; exit code 0, and each field is said to hold."""
    code, out, _ = vigild.explain(vigild.write("e.json", RECORD))

    assert code == 0
    assert "rule   trail-stopped  rules.yaml:3" in out
    assert "event  0  cloudtrail:11111111-2222-3333-4444-555555555555  2026-01-02T03:04:05Z" in out
    assert "matches\nalternative 1 of 2\n" in out
    assert 'ok   detail.eventName\n         rule   "StopLogging"\n         event  "StopLogging"' in out
    assert "FAIL" not in out


def test_a_miss_is_explained_with_a_hint(vigild: Vigild) -> None:
    """Exit code 1; the nearest alternative comes first and in full, the others with what fails in them."""
    code, out, _ = vigild.explain(vigild.write("e.json", EVENT))

    assert code == 1
    assert "does not match: 1 test fails in the nearest of 2 alternatives" in out
    assert out.index("alternative 1 of 2") < out.index("alternative 2 of 2")
    assert 'hint   only the case differs; {"equals-ignore-case": …} would ignore it' in out
    assert "ok   source" in out[: out.index("alternative 2 of 2")]
    assert "ok   1 more" in out[out.index("alternative 2 of 2") :]


def test_of_many_events_the_nearest_are_explained(vigild: Vigild) -> None:
    """A file of lines is ranked by nearness, cut to --most, and --index picks one."""
    far = {**EVENT, "source": "aws.ec2"}
    name = vigild.write("e.ndjson", far, EVENT, far, {**EVENT, "detail": {"eventName": "StopLogging"}})
    code, out, err = vigild.explain(name, "--most", "2", "--json")
    found = [orjson.loads(line) for line in out.splitlines()]
    one, picked, _ = vigild.explain(name, "--index", "2")

    assert [(each["event"], each["matches"], each["misses"]) for each in found] == [(3, True, 0), (1, False, 1)]
    assert code == 0
    assert "2 more event(s) come less near" in err
    assert one == 1
    assert "event  2  eventbridge:e" in picked


def test_json_holds_what_the_text_says(vigild: Vigild) -> None:
    """Each field with its tests, what was seen, verdict and hints, as plain data."""
    _, out, _ = vigild.explain(vigild.write("e.json", EVENT), "--json")
    explanation = orjson.loads(out)

    assert {key: explanation[key] for key in ("rule", "origin", "event", "identity", "matches")} == {
        "rule": "trail-stopped",
        "origin": "rules.yaml:3",
        "event": 0,
        "identity": "eventbridge:e",
        "matches": False,
    }
    assert explanation["log"] is None
    assert explanation["pattern"]["alternatives"][0]["fields"][0] == {
        "field": "detail.eventName",
        "place": "$.detail.$or[0].eventName",
        "tests": ['"StopLogging"'],
        "tests_in_all": 1,
        "seen": [{"place": "detail.eventName", "value": '"stoplogging"', "holds": False}],
        "values_in_all": 1,
        "holds": False,
        "hints": ['only the case differs; {"equals-ignore-case": …} would ignore it'],
    }


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(EVENT, indent=2).encode(),
        json.dumps(EVENT).replace(", ", ",\n").encode(),
        gzip.compress(orjson.dumps(EVENT)),
        b"\xef\xbb\xbf" + orjson.dumps(EVENT) + b"\n\n",
        orjson.dumps({"Type": "Notification", "TopicArn": "t", "MessageId": "m", "Message": json.dumps(EVENT)}),
    ],
    ids=["indented", "broken over lines", "gzip", "byte order mark", "SNS"],
)
def test_an_event_is_found_in_whatever_it_comes(vigild: Vigild, content: bytes) -> None:
    """However the event was written down or wrapped, it is one event."""
    (vigild.folder / "event.txt").write_bytes(content)
    code, out, err = vigild.explain("event.txt")

    assert (code, out.count("eventbridge:e"), err) == (1, 1, "")


def test_an_object_of_no_known_shape_is_said_to_be_one(vigild: Vigild) -> None:
    """Who forgets the envelope learns how the daemon reads it."""
    _, out, _ = vigild.explain(vigild.write("e.json", {"source": "aws.cloudtrail", "detail": {"eventName": "x"}}))

    assert "taken as `detail`" in out
    assert "hint   the event has detail.detail.eventName" in out


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "e.txt: event 0: empty: no bytes"),
        (b"{nonsense", "e.txt: event 0: not_json"),
        (b"[1, 2]", "e.txt: event 0: not_an_object"),
        (b'{"a":' * 100_000, "e.txt: event 0: "),
        (b"\x1f\x8b\x08zzz", "e.txt: event 0: bad_gzip"),
        (b'{"Records": []}', "e.txt: holds no event"),
        (b"\n".join([b"{}", *[b"{"] * 50]), "50 event(s) could not be read"),
    ],
)
def test_what_is_no_event_is_said(vigild: Vigild, content: bytes, message: str) -> None:
    """Exit code 2 and a line with the reason; many faults are counted, not listed."""
    (vigild.folder / "e.txt").write_bytes(content)
    code, _, err = vigild.explain("e.txt")

    assert code == 2
    assert message in err
    assert len(err.splitlines()) < 15


def test_slips_on_the_command_line_are_said(vigild: Vigild) -> None:
    """A rule, a file or an index that is not there: exit code 2, with the near miss."""
    name = vigild.write("e.json", EVENT)
    rule = vigild.explain(name, rule="trial-stopped")
    file = vigild.explain("nowhere.json")
    folder = vigild.explain(".")
    index = vigild.explain(name, "--index", "7")

    assert [code for code, *_ in (rule, file, folder, index)] == [2, 2, 2, 2]
    assert rule[2] == "vigild: no rule is called 'trial-stopped'; did you mean 'trail-stopped'?\n"
    assert file[2] == "vigild: nowhere.json: No such file or directory\n"
    assert folder[2] == "vigild: .: Is a directory\n"
    assert index[2] == "vigild: e.json: there is no event 7; it holds 1, the first is 0\n"


LOG_RULES = """
rules:
  - name: trail-stopped
    description: A line of a log.
    log: {groups: [/app/*], filter: "[level=ERROR, code>499, ...]"}
"""


def log_record(group: str, *messages: str) -> dict[str, Any]:
    log_events = [{"id": str(number), "timestamp": 1, "message": message} for number, message in enumerate(messages)]
    return {"messageType": "DATA_MESSAGE", "owner": "1", "logGroup": group, "logStream": "s", "logEvents": log_events}


def test_log_rules_are_explained(vigild: Vigild) -> None:
    """Each condition of a filter comes with what the line has there, and the log group is judged for itself."""
    (vigild.folder / "rules.yaml").write_text(LOG_RULES)
    code, out, _ = vigild.explain(vigild.write("e.json", log_record("/app/a", "INFO 200", "ERROR 404", "ERROR 500")))
    elsewhere = vigild.explain(vigild.write("f.json", log_record("/db/a", "ERROR 500")))
    other = vigild.explain(vigild.write("g.json", RECORD))

    assert code == 0
    assert out.index("logs:2") < out.index("does not match: 1 test fails")
    assert "FAIL code>499" in out
    assert elsewhere[0] == other[0] == 1
    assert "FAIL log group\n         rule   /app/*\n         event  /db/a\n  ok   log filter" in elsewhere[1]
    assert "event  did not come out of CloudWatch Logs" in other[1]


def test_a_pattern_beside_a_filter_is_explained_with_it(vigild: Vigild) -> None:
    """What fails in pattern and filter adds up."""
    (vigild.folder / "rules.yaml").write_text(LOG_RULES + "    pattern: {source: [aws.logs], account: [x]}\n")
    _, out, _ = vigild.explain(vigild.write("e.json", log_record("/app/a", "ERROR 404")), "--json")
    explanation = orjson.loads(out)

    assert (explanation["misses"], explanation["pattern"]["misses"]) == (2, 1)
    assert [term["verdict"] for term in explanation["log"]["terms"]] == [True, True, False]


def test_rules_with_actions_are_explained_too(vigild: Vigild) -> None:
    """What a rule does about a match is no reason for not explaining it."""
    (vigild.folder / "vigild.yaml").write_text("actions: {stop: {type: ec2.start-instances}}\n")
    (vigild.folder / "rules.yaml").write_text(RULES + "    actions: [stop]\n")
    code, out, err = vigild.explain(vigild.write("e.json", RECORD), "--config", "vigild.yaml")

    assert (code, err) == (0, "")
    assert "matches" in out


def test_standard_input_is_read_for_a_dash(tmp_path: Path) -> None:
    """An event over many lines can be piped in."""
    (tmp_path / "rules.yaml").write_text(RULES)
    done = subprocess.run(
        [sys.executable, "-m", "daemon", "explain", "trail-stopped", "-", "--rules", str(tmp_path / "rules.yaml")],
        input=json.dumps(EVENT, indent=1).encode(),
        capture_output=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (1, b"")
    assert b"only the case differs" in done.stdout
