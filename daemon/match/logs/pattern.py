"""One CloudWatch Logs filter pattern, ready to test messages: the library's face for a single filter."""

from __future__ import annotations

from daemon.match.logs.evaluate import Evaluator
from daemon.match.logs.explain import Finding, explain
from daemon.match.logs.fields import Line, extract
from daemon.match.logs.parse import parse
from daemon.match.logs.syntax import DelimitedPattern, Pattern


class FilterPattern:
    """A filter pattern as PutMetricFilter, PutSubscriptionFilter and FilterLogEvents take it.

    Raises FilterError (position in the text, reason) for what AWS refuses.  Immutable; safe to share between threads.
    """

    __slots__ = ("_decides", "_evaluator", "_view", "text", "tree")

    def __init__(self, text: str) -> None:
        self.text = text
        self.tree: Pattern = parse(text)
        self._evaluator = Evaluator((self.tree,))
        self._view = self._evaluator.views[type(self.tree)]
        self._decides = self._evaluator.predicate(self.tree)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.text!r})"

    def match(self, message: str) -> dict[str, str] | None:
        """Return the extracted fields of a message that matches, None if it does not; never raises.

        Fields are those of TestMetricFilter's extractedValues: `$name` or `$<position>` for a space-delimited
        pattern, none for the other kinds.
        """
        view = self._view(message)
        if view is None or not self._decides(view):
            return None
        return extract(self.tree, view) if isinstance(self.tree, DelimitedPattern) and isinstance(view, Line) else {}

    def explain(self, message: str) -> list[Finding]:
        """Return what each term of the pattern asked for, what the message had there, and the verdict; never raises."""
        return explain(self.tree, self._evaluator, message)
