from __future__ import annotations

from pathlib import Path

import pytest

from daemon.address import host_and_port
from daemon.errors import ConfigError
from daemon.settings import Settings, load_settings
from daemon.state import DynamodbConfig

TWO_PARTS = """
telemetry: {listen: '127.0.0.1:1', log_level: error}
state: {type: dynamodb, table_name: one}
"""


def load(folder: Path, text: str) -> Settings:
    path = folder / "vigild.yaml"
    path.write_text(text)
    return load_settings(path)


def test_without_a_file_alerts_go_to_standard_output() -> None:
    """The defaults need nothing: a target, a dead-letter place, endpoints on loopback."""
    settings = load_settings(None)

    assert set(settings.targets) == {"stdout"}
    assert set(settings.dead_letters) == {"default"}
    assert settings.telemetry.listen == "127.0.0.1:9464"


def test_the_environment_wins_over_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """VIGILD_ variables override single fields, the rest of the file stays."""
    monkeypatch.setenv("VIGILD_TELEMETRY__LOG_LEVEL", "debug")
    monkeypatch.setenv("VIGILD_LIMITS__MAX_EVENT_BYTES", "2048")
    monkeypatch.setenv("VIGILD_STATE__TABLE_NAME", "other")
    settings = load(
        tmp_path, "telemetry: {listen: '127.0.0.1:1', log_level: error}\nstate: {type: dynamodb, table_name: one}\n"
    )

    assert settings.telemetry.log_level == "debug"
    assert host_and_port(settings.telemetry.listen)[1] == 1
    assert settings.limits.max_event_bytes == 2048
    assert settings.state == DynamodbConfig(type="dynamodb", table_name="other")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("source: {}\n", ":1: source: unknown field; did you mean 'sources'?"),
        ("sources:\n  q: {type: sqss}\n", ":2: sources.q: unknown type 'sqss'; did you mean 'sqs'?"),
        ("sources:\n  q: {paths: [a]}\n", ":2: sources.q: 'type' is missing"),
        ("sources:\n  q:\n    type: file\n    path: [a]\n", ":4: sources.q.path: unknown field; did you mean 'paths'?"),
        ("targets:\n  t:\n    type: webhook\n", ":2: targets.t: "),
        (
            "sources:\n  q: {type: sqs, queue_url: sqs.eu-west-1.amazonaws.com/1/q}\n",
            ":2: sources.q.queue_url: must be the URL of a queue, such as https://sqs.eu-west-1.amazonaws.com/1234",
        ),
        ("targets:\n  t: {type: webhook, url: '${HOOK}'}\n", ":2: targets.t.url: ${...} is not filled in: "),
        ("estate: {accounts: [123456789012]}\n", ":1: estate.accounts[0]: must be text: put it in quotes"),
        ("sources:\n  q:\n", ":2: sources.q: must be a mapping, and there is nothing"),
        (
            "sources:\n  q:\n    type:sqs\n",
            ":2: sources.q: must be a mapping, name: value with a blank after the colon",
        ),
        ("rules: rules.yaml\n", ":1: rules: must be a list: [one, another], or lines that begin with -"),
        (
            "targets:\n  t: {type: stdout}\ndefault_targets: [t, x]\n",
            ":3: default_targets[1]: no target is called 'x'; known: t",
        ),
        (
            "targets:\n  t:\n    type: stdout\n    dead_letter: defualt\n",
            ":4: targets.t.dead_letter: no place is called 'defualt'; did you mean 'default'?",
        ),
        (
            "targets:\n  t: {type: stdout, retry: {max_age_seconds: 90}}\ndedupe:\n  retention_seconds: 60\n",
            ":4: dedupe.retention_seconds: must be at least the 90 s of targets.t.retry.max_age_seconds",
        ),
        ("dedupe:\n  retention_seconds: 14d\n", ":2: dedupe.retention_seconds: must be a number"),
        ("limits: {max_in_flight_deliveries: 0}\n", ":1: limits.max_in_flight_deliveries: must be at least 1"),
        ("limits:\n  max_event_bytes: -1\n", ":2: limits.max_event_bytes: "),
        ("telemetry: {listen: nonsense}\n", ":1: telemetry.listen: "),
        ("telemetry: {listen: '127.0.0.1:99999'}\n", ":1: telemetry.listen: a port is at most 65535"),
        ("approvals: {listen: 'a..b:80'}\n", ":1: approvals.listen: "),
        ("limits: {max_in_flight_deliveries: true}\n", ":1: limits.max_in_flight_deliveries: must be a number"),
        ("dedupe: {retention_seconds: true}\n", ":1: dedupe.retention_seconds: must be a number"),
        (
            "targets:\n  t: {type: stdout, retry: {max_attempts: true}}\n",
            ":2: targets.t.retry.max_attempts: must be a num",
        ),
        ("- a\n", ":1: must be a mapping"),
        ("state: {type: oracle}\n", ":1: state: unknown type 'oracle'; known: dynamodb, sqlite"),
        ("state: {type: dynamodb}\n", ":1: state: 'table_name' is missing"),
        ("state: {pth: x}\n", ":1: state.pth: unknown field; did you mean 'path'?"),
    ],
)
def test_a_fault_names_file_line_and_field(tmp_path: Path, text: str, expected: str) -> None:
    """Each slip is said where it stands, with the near miss."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)

    assert any(expected in problem for problem in caught.value.problems), caught.value.problems


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("VIGILD_TELEMETRY__LOG_LEVEL", "debgu", "telemetry.log_level: unknown value 'debgu'; did you mean 'debug'?"),
        ("VIGILD_SOURCES__Q__QUEUE_URL", "x", "sources.q.queue_url: 'type' is missing"),
        ("VIGILD_STATE__PTH", "x", "state.pth: unknown field; did you mean 'path'?"),
        ("VIGILD_LIMITS__MAX_EVENT_BYTES", "-1", "limits.max_event_bytes: must be at least "),
    ],
)
def test_a_fault_in_the_environment_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, value: str, expected: str
) -> None:
    """Who looks for it in the file would not find it; a fault of the file beside it is still said to be there."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "limits:\n  max_in_flight_bytes: 1\nstop: {}\n")

    assert any(problem.startswith(f"{variable}: {expected}") for problem in caught.value.problems), caught.value
    assert any(":2: limits.max_in_flight_bytes: " in problem for problem in caught.value.problems)


def test_secrets_are_never_quoted(tmp_path: Path) -> None:
    """An error about a target does not show its URL or secret."""
    text = "targets:\n  t:\n    type: webhook\n    url: https://example.com/T0KEN\n    secret: short\n    urll: x\n"
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)

    assert "T0KEN" not in str(caught.value)
    assert "short" not in str(caught.value).replace("too_short", "").replace("too short", "")


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("VIGILD_TARGETS", '{"a": {"type": "stdout"}', "VIGILD_TARGETS: must be JSON: "),
        ("VIGILD_FAILURES__ALERT_TARGETS", "pager", "VIGILD_FAILURES__ALERT_TARGETS: must be JSON: "),
        ("VIGILD_LIMTS__MAX_EVENT_BYTES", "5", "; did you mean VIGILD_LIMITS__MAX_EVENT_BYTES?"),
        (
            "VIGILD_LOG_LEVEL",
            "debug",
            "VIGILD_LOG_LEVEL: no field of the configuration has this name; did you mean VIG",
        ),
        ("VIGILD_TARGETS__CHAT__TYPE", "slak", "VIGILD_TARGETS__CHAT__TYPE: targets.chat.type: unknown type 'slak'"),
        ("VIGILD_PORT", "9464", "VIGILD_PORT: no field"),
    ],
)
def test_a_variable_with_a_fault_is_named(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, said: str
) -> None:
    """One line each, with the variable where a file's faults have file and line."""
    monkeypatch.setenv(variable, value)
    with pytest.raises(ConfigError) as caught:
        load_settings(None)

    (problem,) = caught.value.problems
    assert said in problem


def test_a_variable_that_is_no_json_is_not_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may hold the secrets of targets."""
    monkeypatch.setenv("VIGILD_TARGETS", '{"a": {"secret": "T0KEN"}')
    with pytest.raises(ConfigError) as caught:
        load_settings(None)

    assert "T0KEN" not in str(caught.value)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("VIGILD_SERVICE_HOST", "10.96.0.7"),
        ("VIGILD_SERVICE_PORT", "9464"),
        ("VIGILD_SERVICE_PORT_METRICS", "9464"),
        ("VIGILD_PORT", "tcp://10.96.0.7:9464"),
        ("VIGILD_PORT_9464_TCP", "tcp://10.96.0.7:9464"),
        ("VIGILD_PORT_9464_TCP_ADDR", "10.96.0.7"),
        ("VIGILD_METRICS_SERVICE_HOST", "fd00::7"),
        ("VIGILD_CONFIG", "/config/vigild.yaml"),
        ("VIGILD_BENCH_EVENTS", "1000"),
    ],
)
def test_variables_that_are_no_settings_are_left_alone(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """Kubernetes sets some for a Service called vigild; the command line and the benchmarks have their own."""
    monkeypatch.setenv(variable, value)
    assert load_settings(None) == Settings()


def test_a_list_whose_item_is_wrong_is_not_said_to_be_too_short(tmp_path: Path) -> None:
    """One slip is one fault."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, "sources:\n  q: {type: file, paths: [a: b]}\n")

    (problem,) = caught.value.problems
    assert "sources.q.paths[0]: must be text: text with a colon and a blank in it must stand in quotes" in problem
