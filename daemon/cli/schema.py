"""`vigild schema`: JSON Schema of the configuration and of rule files, for editors."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import orjson
import typer

from daemon.rules.model import RuleFile
from daemon.settings import Settings


class SchemaOf(StrEnum):
    """Which kind of file."""

    CONFIG = "config"
    RULES = "rules"


def schema(of: Annotated[SchemaOf, typer.Argument(help="The kind of file.")] = SchemaOf.CONFIG) -> None:
    """Print the JSON Schema of a kind of file."""
    model = Settings if of is SchemaOf.CONFIG else RuleFile
    typer.echo(orjson.dumps(model.model_json_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS).decode())
