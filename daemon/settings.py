"""The whole configuration: one YAML file, overridden by VIGILD_… environment variables; app.py builds from it.

Each part's fields are declared beside the part (sources/, sinks/, state/, …); this is only their root.  The environment
is read here only; environment.py names what stands there wrongly.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from daemon.actions import ACTIONS, AnyActionConfig
from daemon.address import Address
from daemon.clients import AwsSettings, SecretSettings
from daemon.clients.estate import EstateSettings
from daemon.decode import DecodeLimits
from daemon.dispatch.alerts.maintenance import MaintenanceConfig
from daemon.dispatch.dead_letters import AnyDeadLetterConfig, FileDeadLetterConfig
from daemon.dispatch.policy import FailureSettings
from daemon.dispatch.remediation.approvals import ApprovalSettings
from daemon.environment import DELIMITER, ENVIRONMENT_PREFIX, names_of, problem_of, unknown_variables
from daemon.errors import ConfigError
from daemon.near_miss import near_miss
from daemon.rules.actions import actions_of
from daemon.rules.model import Name
from daemon.sinks import AnySinkConfig
from daemon.sinks.stdout import StdoutConfig
from daemon.sources import AnySourceConfig
from daemon.sources.base import REDRIVE
from daemon.state import AnyStateConfig, SqliteConfig
from daemon.target_config import TargetConfig
from daemon.telemetry.log import LogFormat, LogLevel
from daemon.yaml_build import Built, Location
from daemon.yaml_file import Strict, YamlFile, faults_of, load_yaml


def _allow_changes(schema: dict[str, Any]) -> None:
    """Tell editors that an action without a `type` is none by itself, but changes one of a rule file."""
    change = {"type": "object", "not": {"required": ["type"]}}
    names = schema["patternProperties"]
    schema["patternProperties"] = {name: {"anyOf": [action, change]} for name, action in names.items()}


class TelemetrySettings(Strict):
    """What the daemon shows of itself."""

    listen: Address = "127.0.0.1:9464"
    """Where /metrics, /livez and /readyz answer; port 0 takes a free one.  Beyond loopback only where a scraper or a
    probe comes from outside."""
    log_format: LogFormat = LogFormat.CONSOLE
    log_level: LogLevel = LogLevel.INFO


class LimitSettings(DecodeLimits):
    """What bounds memory; sources stop receiving at these limits, nothing is dropped."""

    max_in_flight_deliveries: int = Field(default=2_000, ge=1)
    """Messages, files or runs of lines in hand at the same time."""
    max_in_flight_bytes: int = Field(default=24 * 1024**2, ge=1024)
    """Their bytes as received; one batch of each receiver may come on top."""


class DedupeSettings(Strict):
    """How repeats are recognised."""

    window_events: int = Field(default=100_000, ge=2, le=10_000_000)
    """Identities of settled events kept in memory, about 150 bytes each."""
    retention_seconds: float = Field(default=14 * 86_400.0, ge=60)
    """How long a finished intent is remembered.  The default is the longest that SQS keeps a message."""
    session_seconds: float = Field(default=15.0, ge=1, le=300)
    """After a crash, how long others must see no renewal before they take over what the dead process had claimed."""
    state_away_after_seconds: float = Field(default=5.0, ge=0, le=3_600)
    """How long the state store may fail to answer until it counts as away; see a target's `when_state_is_away`."""


class StopSettings(Strict):
    """The ordered stop."""

    poll_grace_seconds: float = Field(default=2.0, ge=0, le=30)
    """How long receive calls under way may still bring messages."""
    drain_seconds: float = Field(default=20.0, ge=0, le=3_600)
    """How long work in hand may go on; then it goes back to its source."""


class Settings(Strict, BaseSettings):
    """Root of the configuration file."""

    model_config = SettingsConfigDict(env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter=DELIMITER)

    sources: dict[Name, AnySourceConfig] = {}
    """Where events come from, by name."""
    rules: list[Path] = Field(default_factory=lambda: [starter_pack()])
    """Rule files, or folders of them; without it, the starter pack."""
    targets: dict[Name, AnySinkConfig] = {"stdout": StdoutConfig(type="stdout")}
    """Where alerts go, by name; without it, to standard output."""
    actions: dict[Name, AnyActionConfig] = Field(default={}, json_schema_extra=_allow_changes)
    """What rules may do to the estate, by name; each in `shadow` unless it says otherwise.  One without a `type`
    changes fields of the rule files' action of this name."""
    estate: EstateSettings = EstateSettings()
    approvals: ApprovalSettings = ApprovalSettings()
    maintenance: dict[Name, MaintenanceConfig] = {}
    """When which alerts are held back, by name; for what is not planned, `vigild silences`."""
    default_targets: list[Name] | None = None
    """The targets of rules and actions that name none; without it, all targets."""
    dead_letters: dict[Name, AnyDeadLetterConfig] = {}
    """Places for what cannot be read or delivered, by name; "default" is there unless given here."""
    failures: FailureSettings = FailureSettings()
    """What is done about each kind of failure, and who is told of a target that fails."""
    state: AnyStateConfig = SqliteConfig()
    """What was done, so that it is not done twice; type: sqlite unless given."""
    dedupe: DedupeSettings = DedupeSettings()
    limits: LimitSettings = LimitSettings()
    stop: StopSettings = StopSettings()
    aws: AwsSettings = AwsSettings()
    secrets: SecretSettings = SecretSettings()
    telemetry: TelemetrySettings = TelemetrySettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 - the library's signature
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Let the environment win over the file."""
        return env_settings, init_settings

    @model_validator(mode="before")
    @classmethod
    def _add_actions_of_rule_files(cls, data: Any) -> Any:
        rules, actions = data.get("rules", [starter_pack()]), data.get("actions", {})
        if not isinstance(rules, list) or not isinstance(actions, dict):
            return data  # and each field says what is wrong with it
        paths = [Path(path) for path in rules if isinstance(path, str | Path)]
        return {**data, "actions": actions_of(paths, actions)}

    @property
    def told_by_default(self) -> list[Name]:
        """The targets of rules, and of actions, that name none."""
        return list(self.targets) if self.default_targets is None else self.default_targets

    @field_validator("dead_letters")
    @classmethod
    def _add_default_place(cls, places: dict[str, Any]) -> dict[str, Any]:
        return {"default": FileDeadLetterConfig(), **places}


def starter_pack() -> Path:
    """Return the folder of the rules that come with vigild: inside the package where it was installed from a wheel."""
    package = Path(__file__).parent
    packaged = package / "starter_pack"
    return packaged if packaged.is_dir() else package.parent / "config" / "rules"


def load_settings(path: Path | None, overrides: dict[str, Any] | None = None) -> Settings:
    """Return the settings of a file (None: the defaults), with `overrides` of the command line put over its top level.

    Raises ConfigError with every fault, each with file, line and field.
    """
    unknown = unknown_variables(os.environ, names_of(Settings))
    if unknown:
        raise ConfigError(*unknown)
    file = load_yaml(path) if path is not None else YamlFile(Path("defaults"), Built({}))
    data = file.data if file.data is not None else {}
    if not isinstance(data, dict):
        raise ConfigError(file.problem((), "must be a mapping"))
    try:
        settings = Settings(**{**data, **(overrides or {})})
    except ValidationError as error:
        problems = [problem_of(fault, file, os.environ) for fault in faults_of(error)]
        raise ConfigError(*problems) from error
    except SettingsError as error:
        raise ConfigError(*_undecoded(error)) from error
    faults = [*wrong_references(settings), *forgotten_too_soon(settings)]
    if faults:
        raise ConfigError(*(file.problem(location, message) for location, message in faults))
    return settings


def _undecoded(error: SettingsError) -> list[str]:
    """Return a line for the variable whose text is not the JSON that its field wants; its value may hold secrets."""
    cause = error.__cause__
    if not isinstance(cause, json.JSONDecodeError):
        return [str(error)]
    names = [name for name, value in os.environ.items() if value == cause.doc]
    ours = [name for name in names if name.upper().startswith(ENVIRONMENT_PREFIX)]
    return [f"{name}: must be JSON: {cause.msg} at character {cause.pos}" for name in ours]


def wrong_references(settings: Settings) -> Iterator[tuple[Location, str]]:
    """Yield where one part names another that is not there, or not of the kind it must be, and what is wrong."""
    named: dict[Location, Sequence[str]] = {
        ("default_targets",): settings.default_targets or (),
        ("failures", "alert_targets"): settings.failures.alert_targets,
    }
    named |= {("actions", name, "notify"): action.notify or () for name, action in settings.actions.items()}
    for location, targets in named.items():
        for index, target in enumerate(targets):
            if target not in settings.targets:
                hint = near_miss(target, settings.targets)
                yield (*location, index), f"no target is called {target!r}{hint}"
    for name, action in settings.actions.items():
        if action.undo_after_seconds is not None and not ACTIONS[action.type].action.undoable:
            yield ("actions", name, "undo_after_seconds"), f"{action.type} has no inverse"
        if name in settings.targets:
            yield ("actions", name), "a target has this name already"
    parts: dict[str, Mapping[str, Any]] = {
        "sources": settings.sources,
        "targets": settings.targets,
        "actions": settings.actions,
    }
    for kind, configs in parts.items():
        for name, config in configs.items():
            place = config.dead_letter
            if place not in settings.dead_letters and not (kind == "sources" and place == REDRIVE):
                hint = near_miss(place, settings.dead_letters)
                yield (kind, name, "dead_letter"), f"no place is called {place!r}{hint}"


def forgotten_too_soon(settings: Settings) -> Iterator[tuple[Location, str]]:
    """Yield which intents would lapse while they are still being tried, so that another process took them up too."""
    parts: dict[str, Mapping[str, TargetConfig]] = {"targets": settings.targets, "actions": settings.actions}
    for kind, configs in parts.items():
        for name, config in configs.items():
            if (seconds := config.retry.max_age_seconds) > settings.dedupe.retention_seconds:
                tried = f"{seconds:g} s of {kind}.{name}.retry.max_age_seconds"
                yield ("dedupe", "retention_seconds"), f"must be at least the {tried}"
