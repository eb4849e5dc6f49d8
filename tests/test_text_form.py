from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import BaseModel

from daemon.rules.model import RuleFile
from daemon.settings import Settings


def forms_in(schema: Any) -> Iterator[dict[str, Any]]:
    """Yield each part of a schema that asks for a form of text."""
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema
        for part in schema.values():
            yield from forms_in(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from forms_in(part)


@pytest.mark.parametrize("model", [Settings, RuleFile])
def test_every_form_of_text_has_an_example_that_fits(model: type[BaseModel]) -> None:
    """Whoever gets it wrong, and whoever writes with an editor's help, sees one instead of a regular expression."""
    forms = list(forms_in(model.model_json_schema()))

    assert forms
    assert [form for form in forms if not form.get("examples")] == []
    assert [form for form in forms if not all(re.search(form["pattern"], one) for one in form["examples"])] == []
