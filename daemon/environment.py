"""Names the environment variable behind a fault of the configuration; settings.py calls it.

pydantic says where in the configuration a value is wrong, not whether it came from the file or from a variable over it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pydantic_core import ErrorDetails

from daemon.yaml_file import YamlFile, location_of, sentence_of

DELIMITER = "__"
"""Between the parts of a variable's name."""


def problem_of(fault: ErrorDetails, file: YamlFile, environment: Iterable[str], prefix: str) -> str:
    """Return "variable: field: message" where a variable of those said it, else "path:line: field: message".

    The variable with the longest name says most.
    """
    location = [str(part).lower() for part in location_of(fault)]
    ours = [name.upper() for name in environment if name.upper().startswith(prefix)]
    for variable in sorted(ours, key=lambda name: (-name.count(DELIMITER), name)):
        parts = variable.removeprefix(prefix).lower().split(DELIMITER)
        if _runs_through(parts, location) or (_runs_through(location, parts) and not file.has(location_of(fault))):
            return f"{variable}: {'.'.join(parts)}: {sentence_of(fault)}"
    return file.problem(location_of(fault), sentence_of(fault))


def _runs_through(parts: Sequence[str], location: Sequence[str]) -> bool:
    """Whether the parts stand in the location in this order; between them pydantic names the chosen kind of a part."""
    rest = iter(location)
    return all(part in rest for part in parts)
