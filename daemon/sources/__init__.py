"""Where deliveries come from, one service a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from daemon.sources.base import Source, SourceConfig, SourceContext
from daemon.sources.sqs import SqsConfig, SqsSource


@dataclass(frozen=True, slots=True)
class SourceKind:
    """What belongs to one `type`."""

    config: type[SourceConfig]
    source: Callable[[str, Any, SourceContext], Source]


SOURCES = {"sqs": SourceKind(SqsConfig, SqsSource)}

if TYPE_CHECKING:
    AnySourceConfig = SourceConfig
else:
    AnySourceConfig = (
        Annotated[reduce(or_, (kind.config for kind in SOURCES.values())), Field(discriminator="type")]
        if len(SOURCES) > 1
        else SqsConfig
    )


def build(name: str, config: SourceConfig, context: SourceContext) -> Source:
    return SOURCES[config.type].source(name, config, context)
