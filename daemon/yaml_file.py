"""YAML files with the line of every field, and the model base that turns a slip into a sentence with the near miss.

settings.py and rules.py read their files through it; every configuration model of the daemon derives from Strict.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from daemon.errors import ConfigError
from daemon.near_miss import near_miss
from daemon.yaml_build import Built, Location, YamlFault, build
from daemon.yaml_syntax import syntax_fault

MOST_BYTES = 64 * 1024**2
_QUOTED = re.compile(r"'([^']*)'")
_MUST_BE = {
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "datetime_from_date_parsing": "must be a time such as 2026-01-31T12:00:00Z",
    "dict_type": "must be a mapping",
    "finite_number": "must be a number, not endless",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "int_from_float": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "list_type": "must be a list",
    "model_attributes_type": "must be a mapping",
    "model_type": "must be a mapping",
    "path_type": "must be the path of a file or folder",
    "string_type": "must be text",
    "tuple_type": "must be a list",
    "union_tag_not_found": "'type' is missing",
}
"""pydantic's word for a wrong type, in the words of YAML."""
_SLIPS: tuple[tuple[str, type | tuple[type, ...], str], ...] = (
    ("must be text", (int, float), ": put it in quotes"),
    ("must be text", dict, ": text with a colon and a blank in it must stand in quotes"),
    ("must be a list", str, ": [one, another], or lines that begin with -"),
    ("must be a mapping", list, " of names to values, not a list"),
    ("must be a mapping", str, ", name: value with a blank after the colon"),
)
_OF_A_FIELD = frozenset(("field_type", "field_value", "unknown_field"))
"""Our own faults, which pydantic reports at the model around the field."""
_BOUNDS = {
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "string_too_long": "must have at most {max_length} characters",
    "string_too_short": "must have at least {min_length} characters",
    "too_long": "must have at most {max_length}, has {actual_length}",
    "too_short": "must have at least {min_length}, has {actual_length}",
}


class Strict(BaseModel):
    """Base of configuration models: frozen, documented by attribute docstrings, no unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_slips(cls, data: Any) -> Any:
        """Refuse fields that there are not, and `true` where a number is meant, which pydantic takes for 1."""
        if isinstance(data, dict):
            known = _field_names(cls)
            for key, value in data.items():
                if key not in known:
                    raise PydanticCustomError(
                        "unknown_field", "unknown field{hint}", {"field": key, "hint": near_miss(str(key), known)}
                    )
                if isinstance(value, bool) and _wants_number(cls, key):
                    raise PydanticCustomError("field_type", "must be a number, not true or false", {"field": key})
        return data


def _wants_number(model: type[BaseModel], name: str) -> bool:
    types = _types_in(model.model_fields[name].annotation) if name in model.model_fields else set()
    return bool(types & {int, float}) and not types & {bool, Any}


def _types_in(annotation: Any) -> set[Any]:
    """Return the types that a union holds, however deep, or the one type."""
    inner = get_args(annotation)
    return set().union(*map(_types_in, inner)) if inner else {annotation}


def _field_names(model: type[BaseModel]) -> list[str]:
    names: list[str] = []
    for name, field in model.model_fields.items():
        if field.alias is None or model.model_config.get("populate_by_name"):
            names.append(name)
        if field.alias is not None:
            names.append(field.alias)
    return names


class YamlFile:
    """A parsed file: `data` as plain Python, and where everything stands."""

    def __init__(self, path: Path, built: Built) -> None:
        self.path = path
        self.data = built.root
        self._lines = built.lines
        self._blocks = built.blocks

    def line(self, location: Location) -> int:
        """Return the line of a field, or of the nearest field around it that the file has; lines count from 1."""
        return self._lines[self._nearest(location)]

    def _nearest(self, location: Location) -> Location:
        """Drop what pydantic puts into a location beyond the file's own keys (the tag of a chosen union member)."""
        found: Location = ()
        for part in location:
            if (*found, part) in self._lines:
                found = (*found, part)
        return found

    def problem(self, location: Location, message: str, line_within: int = 0) -> str:
        """Return "path:line: field: message"; `line_within` is the line meant, from 1, of text that stands there."""
        nearest = self._nearest(location)
        line = self._lines[nearest] + (line_within if nearest in self._blocks else 0)
        field = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in nearest).lstrip(".")
        return f"{self.path}:{line}: {field}: {message}" if field else f"{self.path}:{line}: {message}"

    def problems(self, error: ValidationError, base: Location = ()) -> list[str]:
        """Return a line for each fault pydantic found in the part of the file under `base`."""
        return [self.problem((*base, *location_of(detail)), sentence_of(detail)) for detail in faults_of(error)]

    def has(self, location: Location) -> bool:
        """Return whether the file says something about the innermost field that the location names."""
        return bool(location) and self._nearest(location)[-1:] == location[-1:]


def location_of(detail: ErrorDetails) -> Location:
    """Return where the fault is; pydantic says of an unknown field only where it was not expected."""
    field = detail.get("ctx", {}).get("field")
    return (*detail["loc"], field) if detail["type"] in _OF_A_FIELD and field is not None else detail["loc"]


def sentence_of(detail: ErrorDetails) -> str:
    """Return what is wrong, never quoting a value that may be a secret."""
    context = detail.get("ctx", {})
    if detail["type"] == "union_tag_invalid":
        expected = [tag.strip("' ") for tag in str(context["expected_tags"]).split(",")]
        return f"unknown type {context['tag']!r}{near_miss(str(context['tag']), expected)}"
    if detail["type"] == "missing":
        return f"{detail['loc'][-1]!r} is missing"
    if detail["type"] in ("enum", "literal_error"):
        return (
            f"unknown value {detail['input']!r}{near_miss(str(detail['input']), _QUOTED.findall(context['expected']))}"
        )
    if detail["type"] in _BOUNDS:
        return _BOUNDS[detail["type"]].format_map(context)
    if detail["type"] in _MUST_BE:
        return _MUST_BE[detail["type"]] + _slip(_MUST_BE[detail["type"]], detail["input"])
    return detail["msg"].removeprefix("Value error, ")


def _slip(wanted: str, found: Any) -> str:
    """Return what somebody may have overlooked who wrote this where something else is wanted."""
    if found is None:
        return ", and there is nothing"
    return next((text for sentence, kind, text in _SLIPS if sentence == wanted and isinstance(found, kind)), "")


def faults_of(error: ValidationError) -> list[ErrorDetails]:
    """Return the faults, but not that something is too short because what stands in it is wrong."""
    faults = error.errors()
    places = {fault["loc"][:length] for fault in faults for length in range(len(fault["loc"]))}
    return [fault for fault in faults if fault["type"] != "too_short" or fault["loc"] not in places]


def load_yaml(path: Path) -> YamlFile:
    """Read a file.

    Raises ConfigError with path and line: unreadable, over 64 MiB, not UTF-8, not YAML, more than one document, a key
    twice, too many values, or nested deeper than 200.
    """
    try:
        with path.open("rb") as file:
            text = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}") from error
    if len(text) > MOST_BYTES:
        raise ConfigError(f"{path}: larger than {MOST_BYTES} bytes")
    try:
        return YamlFile(path, build(text.decode()))
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: not UTF-8") from error
    except YamlFault as error:
        raise ConfigError(f"{path}:{error.line}: {error}") from error
    except yaml.MarkedYAMLError as error:
        line, what = syntax_fault(text.decode(), error)
        raise ConfigError(f"{path}:{line}: {what}") from error
    except yaml.reader.ReaderError as error:
        line = text.count(b"\n", 0, error.position) + 1
        raise ConfigError(f"{path}:{line}: character #x{error.character:04x}: {error.reason}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: {error}") from error
