"""One CloudWatch Logs filter pattern, ready to test messages: the library's face for a single filter."""

from __future__ import annotations

from daemon.match.logs.document import parse_document
from daemon.match.logs.evaluate import View, compile_pattern
from daemon.match.logs.fields import Line, extracted
from daemon.match.logs.parse import parse
from daemon.match.logs.syntax import DelimitedPattern, JsonPattern, Pattern


class FilterPattern:
    """A filter pattern as PutMetricFilter, PutSubscriptionFilter and FilterLogEvents take it.

    Raises FilterError (position in the text, reason) for what AWS refuses.  Immutable; safe to share between threads.
    """

    __slots__ = ("_predicate", "text", "tree")

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree: Pattern = parse(text)
        self._predicate = compile_pattern(self.tree)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    def match(self, message: str) -> dict[str, str] | None:
        """Return the extracted fields of a message that matches, None if it does not; never raises.

        Fields are those of TestMetricFilter's extractedValues: `$name` or `$<position>` for a space-delimited
        pattern, none for the other kinds.
        """
        view = view_of(self.tree, message)
        if view is None or not self._predicate(view):
            return None
        if isinstance(self.tree, DelimitedPattern) and isinstance(view, Line):
            return extracted(self.tree, view)
        return {}


def view_of(pattern: Pattern, message: str) -> View | None:
    """Return the message as this kind of pattern looks at it, None if it cannot be looked at so."""
    match pattern:
        case JsonPattern():
            return parse_document(message)
        case DelimitedPattern():
            return Line(message)
    return message
