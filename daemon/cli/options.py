"""Options that several commands share, so that they mean the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        envvar="VIGILD_CONFIG",
        help="Configuration file. Without it: the defaults, and VIGILD_… variables.",
        show_default=False,
    ),
]

RulesOption = Annotated[
    list[Path] | None,
    typer.Option("--rules", "-r", help="Rule file or folder, instead of the configuration's. May be given repeatedly."),
]

JsonOption = Annotated[bool, typer.Option("--json", help="Print a JSON object a line.")]
