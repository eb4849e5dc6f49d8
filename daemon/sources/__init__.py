"""Where deliveries come from, one service a file; the table below is what a configuration's `type` may name.

To add a source:
1. a file named like its `type`, with its Config (a SourceConfig: bounds, units in names, a docstring for every field)
   and its class, which keeps the promises of base.Source; parts of its own get files beside it;
2. a line in SOURCES;
3. its failures as RetryableError or PermanentError, through clients/ where it calls AWS;
4. facts that are worth a metric or a log line in daemon/telemetry/conditions.py and names.py;
5. its bench in tests/sources/test_contract.py, which holds every source to the same promises;
6. tests/sources/test_<type>.py with what is special about it, its failures above all;
7. an entry in CHANGELOG.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from daemon.sources.base import EndOfSource, Progress, Source, SourceConfig, SourceContext
from daemon.sources.file import FileConfig, FileSource
from daemon.sources.kinesis import KinesisConfig, KinesisSource
from daemon.sources.sqs import SqsConfig, SqsSource

__all__ = (
    "SOURCES",
    "AnySourceConfig",
    "EndOfSource",
    "Progress",
    "Source",
    "SourceConfig",
    "SourceContext",
    "SourceKind",
    "build",
)


@dataclass(frozen=True, slots=True)
class SourceKind:
    """A type of source."""

    config: type[SourceConfig]
    source: Callable[[str, Any, SourceContext], Source]
    """The class; its config is of the type above."""


SOURCES = {
    "file": SourceKind(FileConfig, FileSource),
    "kinesis": SourceKind(KinesisConfig, KinesisSource),
    "sqs": SourceKind(SqsConfig, SqsSource),
}


if TYPE_CHECKING:
    AnySourceConfig = SourceConfig
else:
    AnySourceConfig = Annotated[reduce(or_, (kind.config for kind in SOURCES.values())), Field(discriminator="type")]
    """Any source's configuration, told apart by `type`."""


def build(name: str, config: SourceConfig, context: SourceContext) -> Source:
    """Make the source that the configuration describes."""
    return SOURCES[config.type].source(name, config, context)
