"""What filters of one kind wait for, subject by subject: look-ups instead of a test for each filter.

matchers.py builds a Watch for each thing that its patterns look at and asks it about what the messages have there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping

from daemon.match.logs.choose import Choice
from daemon.match.logs.search import Needles
from daemon.match.logs.triggers import Equal, Fact, Holds, Present, Subject
from daemon.match.logs.values import text_of

_MAX_REMEMBERED = 1_024
_MAX_REMEMBERED_CHARACTERS = 1_024


def watches(choices: Iterable[tuple[int, Choice]]) -> dict[Subject, Watch]:
    """Return a watch for each subject that some of the numbered filters wait for."""
    waiting: dict[Subject, dict[Fact, list[int]]] = defaultdict(lambda: defaultdict(list))
    for number, choice in choices:
        for subject, fact in choice.cover or ():
            waiting[subject][fact].append(number)
    return {subject: Watch(facts) for subject, facts in waiting.items()}


class Watch:
    """The filters, by number, that wait for something about one subject."""

    def __init__(self, facts: Mapping[Fact, list[int]]) -> None:
        self._present = facts.get(Present(), [])
        self._texts: dict[str, list[int]] = {}
        self._numbers: dict[float, list[int]] = {}
        needles = []
        for fact, waiting in facts.items():
            match fact:
                case Equal(value=str(text)):
                    self._texts[text] = waiting
                case Equal(value=int() | float() as number):
                    self._numbers[number] = waiting
                case Holds(needle=needle):
                    needles.append((needle, waiting))
        self.needles = Needles(needles)
        self.find_text: Callable[[str], list[int] | None] = self._texts.get
        """Returns the filters that wait for a text, None or nothing if there are none."""
        if needles or self._present:
            self.find_text = _Memory(self._search).__getitem__

    def _search(self, text: str) -> list[int]:
        return [*self._present, *self._texts.get(text, ()), *self.needles.waiting(text)]

    def find_scalar(self, value: object) -> list[int] | None:
        """Return the filters that wait for any value, None or nothing if there are none."""
        text = text_of(value)
        if text is None:  # an object, an array, or MISSING: every comparison with it is false
            return None
        found = self.find_text(text)
        if self._numbers and isinstance(value, int | float) and not isinstance(value, bool):
            return [*(found or ()), *self._numbers.get(value, ())]
        return found


class _Memory(dict[str, list[int]]):
    """What was found for the values a field had lately: names, agents and addresses come again and again."""

    def __init__(self, search: Callable[[str], list[int]]) -> None:
        super().__init__()
        self._search = search

    def __missing__(self, text: str) -> list[int]:
        found = self._search(text)
        if len(text) <= _MAX_REMEMBERED_CHARACTERS:
            if len(self) >= _MAX_REMEMBERED:
                self.clear()
            self[text] = found
        return found
