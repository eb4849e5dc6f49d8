"""Names the environment variable behind a fault of the configuration, and those that name no field; settings.py asks.

pydantic says where in the configuration a value is wrong, not whether it came from the file or from a variable over it.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

from pydantic import BaseModel
from pydantic_core import ErrorDetails

from daemon.yaml_file import YamlFile, location_of, sentence_of

ENVIRONMENT_PREFIX = "VIGILD_"
DELIMITER = "__"
"""Between the parts of a variable's name."""

_NO_SETTING = re.compile(r"CONFIG|(BENCH|FAULT)_.+")
"""The command line's own option, and what the project's benchmarks and fault suite read."""
_SERVICE_LINK = re.compile(
    r"(?:.+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_[0-9]+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)"
)
"""What Kubernetes tells each pod of a Service whose name begins with vigild (Kubernetes, "Service", environment
variables): a pod must not die of it."""
_LINKED_PORT = re.compile(r"(?:tcp|udp|sctp)://.+")
"""The value of …_PORT then, which otherwise would be a slip."""
_CLOSE = 0.6


def problem_of(fault: ErrorDetails, file: YamlFile, environment: Iterable[str]) -> str:
    """Return "variable: field: message" where a variable of those said it, else "path:line: field: message".

    The variable with the longest name says most.
    """
    location = [str(part).lower() for part in location_of(fault)]
    ours = [name.upper() for name in environment if name.upper().startswith(ENVIRONMENT_PREFIX)]
    for variable in sorted(ours, key=lambda name: (-name.count(DELIMITER), name)):
        parts = variable.removeprefix(ENVIRONMENT_PREFIX).lower().split(DELIMITER)
        if _runs_through(parts, location) or (_runs_through(location, parts) and not file.has(location_of(fault))):
            return f"{variable}: {'.'.join(parts)}: {sentence_of(fault)}"
    return file.problem(location_of(fault), sentence_of(fault))


def _runs_through(parts: Sequence[str], location: Sequence[str]) -> bool:
    """Whether the parts stand in the location in this order; between them pydantic names the chosen kind of a part."""
    rest = iter(location)
    return all(part in rest for part in parts)


def names_of(model: type[BaseModel], before: str = "") -> Iterator[str]:
    """Yield the variables of a model's fields and of the models in them, without the prefix."""
    for name, field in model.model_fields.items():
        yield before + name.upper()
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from names_of(field.annotation, f"{before}{name.upper()}{DELIMITER}")


def unknown_variables(environment: Mapping[str, str], known: Iterable[str]) -> list[str]:
    """Return a line for each variable of our prefix that names no field, with the near miss among the `known` names."""
    names = list(known)
    roots = {name.partition(DELIMITER)[0] for name in names}
    problems = []
    for variable, value in sorted(environment.items()):
        upper = variable.upper()
        if not upper.startswith(ENVIRONMENT_PREFIX):
            continue
        name = upper.removeprefix(ENVIRONMENT_PREFIX)
        if name.partition(DELIMITER)[0] in roots or _NO_SETTING.fullmatch(name) or _is_service_link(name, value):
            continue
        close = difflib.get_close_matches(name, names, n=1, cutoff=_CLOSE)
        hint = f"; did you mean {ENVIRONMENT_PREFIX}{close[0]}?" if close else ""
        problems.append(f"{variable}: no field of the configuration has this name{hint}")
    return problems


def _is_service_link(name: str, value: str) -> bool:
    if _SERVICE_LINK.fullmatch(name):
        return True
    return ("_" + name).endswith("_PORT") and _LINKED_PORT.fullmatch(value) is not None
