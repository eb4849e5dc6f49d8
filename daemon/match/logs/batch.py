"""Messages looked at in one go, and what is found out about all of them at once.

filterset.py makes one of what it is asked about; the matchers of matchers.py share what it knows.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from operator import itemgetter

from daemon.match.logs.automaton import encodable

_first = itemgetter(slice(1))
LINE_BLANKS = "\t\r\n"
"""Blanks that CloudTrail's messages and most others do not hold."""


class Batch:
    """Some messages, by their positions."""

    def __init__(self, messages: Sequence[str]) -> None:
        self.messages = messages
        joined = "".join(messages)  # one look at all of them takes a fraction of a look at each
        self.firsts = set(map(_first, messages))
        """The characters that messages begin with, "" for an empty one."""
        self.has_line_blanks = any(blank in joined for blank in LINE_BLANKS)
        """Whether some message holds a blank other than the space."""
        self._is_ascii = joined.isascii()

    @cached_property
    def texts(self) -> Sequence[str]:
        """The messages as automaton.py can search them."""
        return self.messages if self._is_ascii else list(map(encodable, self.messages))
