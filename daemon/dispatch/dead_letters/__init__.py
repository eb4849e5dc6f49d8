"""Where events that cannot be read and intents that finally failed are kept, with the reason, until a person looks.

executor.py parks intents, pipeline/ parks rejections; both acknowledge only after park has returned.  `vigild
dead-letters` lists, redrives and purges.  To add a place: a file with its Config (with a `type`) and a class that keeps
the promises of place.DeadLetterPlace, a line in PLACES, and its rig in tests/dispatch/test_dead_letters.py.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from daemon.dispatch.dead_letters.file import FileDeadLetterConfig, FileDeadLetters
from daemon.dispatch.dead_letters.letter import DeadLetter, rejection_letter
from daemon.dispatch.dead_letters.place import DeadLetterPlace, DeadLetters, Kept, PlaceContext
from daemon.dispatch.dead_letters.sqs import QueueDeadLetterConfig, QueueDeadLetters
from daemon.dispatch.dead_letters.state import StateDeadLetterConfig, StateDeadLetters
from daemon.yaml_file import Strict

__all__ = (
    "PLACES",
    "AnyDeadLetterConfig",
    "DeadLetter",
    "DeadLetterPlace",
    "DeadLetters",
    "FileDeadLetterConfig",
    "Kept",
    "PlaceContext",
    "build_places",
    "rejection_letter",
)


@dataclass(frozen=True, slots=True)
class PlaceKind:
    """What belongs to one `type`."""

    config: type[Strict]
    place: Callable[[str, Any, PlaceContext], DeadLetterPlace]
    """The class; called with name, an instance of `config`, context."""


PLACES = {
    "file": PlaceKind(FileDeadLetterConfig, FileDeadLetters),
    "sqs": PlaceKind(QueueDeadLetterConfig, QueueDeadLetters),
    "state": PlaceKind(StateDeadLetterConfig, StateDeadLetters),
}

if TYPE_CHECKING:
    AnyDeadLetterConfig = FileDeadLetterConfig | QueueDeadLetterConfig | StateDeadLetterConfig
else:
    AnyDeadLetterConfig = Annotated[reduce(or_, (kind.config for kind in PLACES.values())), Field(discriminator="type")]
    """Any place's configuration, told apart by `type`."""


def build_places(configs: Mapping[str, AnyDeadLetterConfig], context: PlaceContext) -> dict[str, DeadLetterPlace]:
    """Return the places of the configuration, by name."""
    return {name: PLACES[config.type].place(name, config, context) for name, config in configs.items()}
