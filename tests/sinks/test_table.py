"""The table of sinks is what the folder holds."""

from __future__ import annotations

import importlib
import pkgutil
from typing import get_args

import daemon.sinks
from daemon.sinks import SINKS
from daemon.sinks.base import SinkConfig


def test_the_table_is_complete() -> None:
    """Every Config in the folder is in the table, under the name of its file, which is its `type`."""
    found = {}
    for module in pkgutil.iter_modules(daemon.sinks.__path__):
        members = vars(importlib.import_module(f"daemon.sinks.{module.name}")).values()
        for member in members:
            if isinstance(member, type) and issubclass(member, SinkConfig) and _has_a_type(member):
                found[module.name] = member
    assert found == {name: kind.config for name, kind in SINKS.items()}
    for name, kind in SINKS.items():
        assert get_args(kind.config.model_fields["type"].annotation) == (name,)


def _has_a_type(config: type[SinkConfig]) -> bool:
    """Tell sinks from what several of them have in common."""
    return bool(get_args(config.model_fields["type"].annotation))


def test_every_option_is_documented() -> None:
    """The reference page is made of the docstrings of options; only `type` explains itself."""
    for kind in SINKS.values():
        for name, field in kind.config.model_fields.items():
            assert field.description or name == "type"
