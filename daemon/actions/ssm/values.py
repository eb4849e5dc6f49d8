"""What documents get: parameters of the configuration, and in them values from events, which are let through narrowly.

run_document.py and start_automation.py fill the parameters of their documents here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import StringConstraints

from daemon.actions.subject import FromEvent, value_at
from daemon.text_form import TextForm

_VALUE: Final = re.compile(r"[A-Za-z0-9_+.][A-Za-z0-9_+.-]{0,127}")
_PLACE: Final = re.compile(r"\{([a-z][a-z0-9_]{0,31})\}")

DocumentName = Annotated[
    str,
    StringConstraints(max_length=256),
    TextForm(
        r"^(arn:aws[a-z-]*:ssm:[a-z0-9-]+:[0-9]{12}:document/)?[A-Za-z0-9_.-]{3,128}$",
        "the name or ARN of a document",
        "AWS-RunPatchBaseline",
    ),
]


def values_in(event: Mapping[str, Any], paths: Mapping[str, FromEvent]) -> dict[str, str]:
    """Return the event's values by name.  Raises SubjectError where one is missing or of another form."""
    return {name: value_at(event, path, _VALUE, name) for name, path in paths.items()}


def fill(parameters: Mapping[str, tuple[str, ...]], values: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the parameters with `{name}` replaced; other braces stay as they are."""
    return {
        name: [_PLACE.sub(lambda place: values.get(place[1], place[0]), text) for text in texts]
        for name, texts in parameters.items()
    }
