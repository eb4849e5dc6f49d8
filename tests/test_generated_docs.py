from __future__ import annotations

from pathlib import Path

import jsonschema
import orjson
import pytest
import yaml

from tests.generate_docs import ROOT, pages


@pytest.mark.parametrize(("path", "text"), pages().items(), ids=lambda value: getattr(value, "name", ""))
def test_generated_pages_are_up_to_date(path: Path, text: str) -> None:
    """What `make docs` would write is what lies there."""
    assert text == path.read_text()


@pytest.mark.parametrize(
    ("schema", "file"),
    [("vigild.schema.json", ROOT / "config" / "vigild.yaml")]
    + [("rules.schema.json", path) for path in sorted((ROOT / "config" / "rules").glob("*.yaml"))]
    + [("rules.schema.json", path) for path in sorted((ROOT / "config" / "playbooks").glob("*/*.yaml"))],
    ids=lambda value: f"{value.parent.name}-{value.name}" if isinstance(value, Path) else value,
)
def test_shipped_files_fit_their_schema(schema: str, file: Path) -> None:
    """What an editor would say of the shipped files is nothing."""
    jsonschema.validate(yaml.safe_load(file.read_text()), orjson.loads((ROOT / "config" / schema).read_bytes()))
