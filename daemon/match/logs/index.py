"""What filters of one kind wait for, subject by subject: look-ups instead of a test for each filter.

matchers.py builds a Watch for each thing that its patterns look at and asks it about what the messages have there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from daemon.match.logs.choose import Choice
from daemon.match.logs.document import MISSING
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


class Watch(dict[object, list[int]]):
    """The filters, by number, that wait for something about one subject.

    As a dict it remembers what was found for the values that the subject had lately: names, agents and addresses come
    again and again.  Numbers and booleans are not remembered, because True and 1 are one key.
    """

    def __init__(self, facts: Mapping[Fact, list[int]]) -> None:
        super().__init__({MISSING: []})
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
        self.texts = None if needles or self._present else self._texts
        """All that it knows of texts, None where looking up is not enough."""

    def find(self, value: object) -> list[int] | None:
        """Return the filters that wait for any value, None or nothing if there are none."""
        text = text_of(value)
        if text is None:  # an object, an array, or MISSING: every comparison with it is false
            return None
        found = self._texts.get(text) if self.texts is not None else self._search(text)
        if self._numbers and isinstance(value, int | float) and not isinstance(value, bool):
            return [*(found or ()), *self._numbers.get(value, ())]
        return found

    def _search(self, text: str) -> list[int]:
        found = self.needles.waiting(text)
        found += self._present
        found += self._texts.get(text, ())
        return found

    def __missing__(self, value: object) -> list[int]:
        if isinstance(value, str):
            found = self._search(value)
            if len(value) > _MAX_REMEMBERED_CHARACTERS:
                return found
        else:
            found = self.find(value) or []
            if value is not None:
                return found
        if len(self) >= _MAX_REMEMBERED:
            self.clear()
            self[MISSING] = []
        self[value] = found
        return found
