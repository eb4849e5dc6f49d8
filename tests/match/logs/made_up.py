"""Filter patterns and messages made up from one small vocabulary, so that a fair share of them match."""

from __future__ import annotations

import json
import random
from typing import Any

_WORDS = (
    "ERROR",
    "WARN",
    "Delete",
    "DeleteTrail",
    "Put",
    "a.b",
    "10.0.0.1",
    "10.1",
    "404",
    "4040",
    "x",
    "",
    "true",
    "é",
    "null",
)
_NAMES = ("eventName", "source", "code", "user", "list", "a.b")
_REGEXES = ("^Del", "Trail$", "[0-9]+", "E.?R+", "a|x", "^$", "\\d{2,3}", "[^0-9.]", "10\\.0", "R{,2}O", "\\w\\s\\w")
_NUMBERS = ("404", "4.5", "-1", "1e2", "+7", "0", "100")


class MadeUp:
    """Draws patterns and messages from a seeded source."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)

    def _one_of(self, *choices: Any) -> Any:
        return self._random.choice(choices)

    def pattern(self) -> str:
        """Return the text of a pattern of any kind; most are valid."""
        return str(self._one_of(self._terms, self._json, self._json, self._delimited)())

    def _terms(self) -> str:
        marks = self._one_of(("",), ("?",), ("", "-"), ("", "-", "?"))
        return " ".join(self._one_of(*marks) + self._term() for _ in range(self._random.randint(1, 4)))

    def _term(self) -> str:
        word = self._one_of(*_WORDS)
        return str(self._one_of(f'"{word}"', f'"{word} {self._one_of(*_WORDS)}"', f"%{self._one_of(*_REGEXES)}%"))

    def _json(self) -> str:
        return "{ " + self._condition(self._json_test, 3) + " }"

    def _condition(self, leaf: Any, depth: int) -> str:
        if depth == 0 or self._random.random() < 0.4:
            return str(leaf())
        parts = [self._condition(leaf, depth - 1) for _ in range(self._random.randint(2, 3))]
        joined = self._one_of(" && ", " || ").join(parts)
        return f"({joined})" if self._random.random() < 0.7 else joined

    def _selector(self) -> str:
        first = self._one_of(".eventName", ".source", ".code", ".user", ".list", ".['a.b']", ".*")
        inner = (".eventName", ".code", "[0]", "[1]", "[*]", ".*", ".user")
        return f"${first}" + "".join(self._one_of(*inner) for _ in range(self._one_of(0, 0, 0, 1, 2)))

    def _json_test(self) -> str:
        state = self._one_of("IS NULL", "IS TRUE", "IS FALSE", "NOT EXISTS")
        return f"{self._selector()} {self._one_of(self._comparison(), self._comparison(), self._comparison(), state)}"

    def _comparison(self) -> str:
        if self._random.random() < 0.2:
            return f"{self._one_of('>', '<', '>=', '<=')} {self._one_of(*_NUMBERS)}"
        word = self._one_of(*_WORDS)
        quoted = self._one_of(word, word, f"{word}*", f"*{word}", f"*{word}*", f"{word[:1]}*{word[2:]}", "*")
        value = self._one_of(f'"{quoted}"', f'"{quoted}"', f'"{quoted}"', self._one_of(*_NUMBERS))
        if self._random.random() < 0.1:
            value = f"%{self._one_of(*_REGEXES)}%"
        return f"{self._one_of('=', '=', '!=')} {value}"

    def _delimited(self) -> str:
        slots = [self._slot(f"s{index}") for index in range(self._random.randint(0, 4))]
        if self._random.random() < 0.3:
            slots.insert(self._random.randint(0, len(slots)), "...")
        return "[" + ", ".join(slots) + "]"

    def _slot(self, name: str) -> str:
        if self._random.random() < 0.5:
            return str(self._one_of(name, name, ""))
        return self._condition(lambda: f"{name} {self._comparison()}", 1)

    def message(self) -> str:
        """Return a message: an object as JSON, a line of fields, or some of a JSON text."""
        document = json.dumps(self._object(2), ensure_ascii=self._one_of(True, False))
        line = "".join(
            self._field() + self._one_of(" ", " ", "  ", "\t", "\n", "") for _ in range(self._random.randint(0, 6))
        )
        return str(self._one_of(document, document, line, line, document[:-1], " " + document + "\n"))

    def _field(self) -> str:
        word = self._one_of(*_WORDS, *_NUMBERS)
        return str(
            self._one_of(word, word, word, f"[{word} x]", f'"{word}"', f"[{word}", f'{word}"', f'"{word} ERROR"')
        )

    def _object(self, depth: int) -> dict[str, Any]:
        names = self._random.sample(_NAMES, self._random.randint(0, len(_NAMES)))
        return {name: self._value(depth) for name in names}

    def _value(self, depth: int) -> Any:
        if depth and self._random.random() < 0.3:
            if self._random.random() < 0.5:
                return self._object(depth - 1)
            return [self._value(depth - 1) for _ in range(self._random.randint(0, 3))]
        return self._one_of(*_WORDS, *_WORDS, 404, 4.5, -1, 100, 100.0, 7, 0, True, False, None)
