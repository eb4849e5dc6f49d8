"""What actions have in common that put a state in force as a whole: the one after to do it, the one before to undo it.

The images that they look at name the state completely, so that one method serves applying and undoing.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar, TypeVar

from daemon.actions.base import Action, Image, Plan, Redo
from daemon.actions.config import ActionConfig
from daemon.actions.subject import Subject
from daemon.clients.estate import Writer

ConfigT = TypeVar("ConfigT", bound=ActionConfig)


class Putting(Action[ConfigT]):
    """Base of these actions.  Cut off, they look again: the state put anew would take back what others changed."""

    redo: ClassVar = Redo.LOOK
    undoable: ClassVar = True

    @abstractmethod
    async def put(self, subject: Subject, image: Image, api: Writer) -> None:
        """Bring the state about that the image shows."""

    async def apply(self, subject: Subject, plan: Plan, key: str, api: Writer) -> Image:
        """See Action."""
        del key
        await self.put(subject, plan.after, api)
        return {}

    async def revert(self, subject: Subject, plan: Plan, applied: Image, api: Writer) -> None:
        """See Action."""
        del applied
        await self.put(subject, plan.before, api)
