"""Writes a condition on a JSON document as one Python expression: a third of the time of a function for each part.

evaluate.py asks for it.  The source holds nothing but attributes that the projection made up, and numbered names.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from daemon.match.logs.document import MISSING, Document, Projection, Steps
from daemon.match.logs.syntax import And, Comparison, Condition, JsonTest, Operator, Or, State, Text
from daemon.match.logs.values import text_of

_MAX_NESTED = 20
"""Python's parser takes some 90 parentheses in one another."""


class ConditionWriter:
    """Writes one condition; `test` makes the function for what is not worth writing."""

    def __init__(self, projection: Projection, test: Callable[[JsonTest], Callable[[Document], bool]]) -> None:
        self._projection = projection
        self._test = test
        self._namespace: dict[str, Any] = {"MISSING": MISSING, "text_of": text_of}

    def function(self, condition: Condition[JsonTest]) -> Callable[[Document], bool]:
        """Return the function that decides a document."""
        source = f"lambda document: {self._written(condition, 0)}"
        decide: Callable[[Document], bool] = eval(source, self._namespace)  # noqa: S307 - numbered names only
        return decide

    def _named(self, thing: object) -> str:
        name = f"x{len(self._namespace)}"
        self._namespace[name] = thing
        return name

    def _written(self, condition: Condition[JsonTest], depth: int) -> str:
        if isinstance(condition, JsonTest):
            return self._leaf(condition)
        if depth == _MAX_NESTED:
            writer = ConditionWriter(self._projection, self._test)
            return f"{self._named(writer.function(condition))}(document)"
        match condition:
            case And(parts=parts):
                return f"({' and '.join(self._written(part, depth + 1) for part in parts)})"
            case Or(parts=parts):
                return f"({' or '.join(self._either(parts, depth + 1))})"

    def _either(self, parts: Iterable[Condition[JsonTest]], depth: int) -> Iterable[str]:
        """Yield any of the parts; equalities with one field, often dozens, become one look-up."""
        texts: defaultdict[Steps, set[str]] = defaultdict(set)
        others = []
        for part in parts:
            match part:
                case JsonTest(selector, Comparison(Operator.EQ, Text(pieces=(text,)))) if not selector.fans_out:
                    texts[selector.steps].add(text)
                case _:
                    others.append(part)
        for steps, wanted in texts.items():
            yield f"({self._text(steps)} in {self._named(frozenset(wanted))})"
        for part in others:
            yield self._written(part, depth)

    def _leaf(self, leaf: JsonTest) -> str:
        steps = leaf.selector.steps
        if not leaf.selector.fans_out:
            match leaf.test:
                case State.ABSENT:
                    return f"({self._value(steps)} is MISSING)"
                case State.NULL | State.TRUE | State.FALSE:
                    wanted = {State.NULL: None, State.TRUE: True, State.FALSE: False}[leaf.test]
                    return f"({self._value(steps)} is {wanted})"
                case Comparison(Operator.EQ, Text(pieces=(text,))):
                    return f"({self._text(steps)} == {self._named(text)})"
                case Comparison(Operator.EQ | Operator.NE as operator, Text() as operand):
                    return self._comparison(steps, operator, operand) or self._called(leaf)
        return self._called(leaf)

    def _called(self, leaf: JsonTest) -> str:
        return f"{self._named(self._test(leaf))}(document)"

    def _comparison(self, steps: Steps, operator: Operator, operand: Text) -> str:
        """Return a field's comparison with the commonest forms of strings, "" for others."""
        look = self._look(operand)
        sign = "not " if operator is Operator.NE else ""
        return f"((text := {self._text(steps)}) is not None and {sign}{look})" if look else ""

    def _look(self, operand: Text) -> str:
        if operand.exact is not None:
            return f"text == {self._named(operand.exact)}"
        if operand.is_beginning:
            return f"text.startswith({self._named(operand.pieces[0])})"
        if operand.is_end:
            return f"text.endswith({self._named(operand.pieces[1])})"
        return f"{self._named(operand.pieces[1])} in text" if operand.is_plain_search else ""

    def _value(self, steps: Steps) -> str:
        attributes = self._projection.attributes(steps)
        if attributes is None:
            return f"{self._named(self._projection.reader(steps))}(document)"
        *way, last = attributes
        inner = "document"
        checks = []
        for end, attribute in enumerate(way, start=1):
            struct = self._named(self._projection.struct(tuple(way[:end])))
            checks.append(f"type(o{end} := {inner}.{attribute}) is {struct}")
            inner = f"o{end}"
        return f"({inner}.{last} if {' and '.join(checks)} else MISSING)" if checks else f"document.{last}"

    def _text(self, steps: Steps) -> str:
        return f"(value if type(value := {self._value(steps)}) is str else text_of(value))"
