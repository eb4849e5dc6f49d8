from __future__ import annotations

import random

from daemon.match.logs.edges import Beginnings


def test_finds_every_beginning_of_a_text() -> None:
    """However beginnings nest in one another, a text finds all that it has, and no other."""
    source = random.Random(3)
    for _ in range(300):
        words = {
            "".join(source.choice("ab") for _ in range(source.randint(1, 6))) for _ in range(source.randint(0, 20))
        }
        numbered = {word: number for number, word in enumerate(sorted(words))}
        beginnings = Beginnings({word: [(None, [number])] for word, number in numbered.items()})
        for _ in range(20):
            text = "".join(source.choice("abc") for _ in range(source.randint(0, 8)))
            expected = {number for word, number in numbered.items() if text.startswith(word)}
            assert set(beginnings.waiting(text, text)) == expected, (words, text)


def test_what_else_must_hold_is_asked_of_the_whole_text() -> None:
    """The end of a text, reversed, is looked for; the test sees the text as it is."""
    ends = Beginnings({"c": [(lambda text: text == "abc", [1]), (lambda text: text == "cba", [2])]})

    assert ends.waiting("cba", "abc") == [1]
    assert len(ends) == 1
