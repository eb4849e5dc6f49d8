import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.errors import FilterError
from daemon.match.logs import FilterPattern

PAGE = Path(__file__).parents[3] / "docs" / "patterns-logs.md"
_PICTURES = str.maketrans({"␉": "\t", "␊": "\n", "␍": "\r"})
_LINE = re.compile(r"(pattern|match|no match|fields|refused|at)(?: +(.*))?")


def _steps() -> Iterator[tuple[str, str, str, int]]:
    """Yield each line of the page's blocks as keyword, text, the pattern or message it speaks of, and line number."""
    pattern = message = ""
    is_inside = False
    for number, line in enumerate(PAGE.read_text().splitlines(), start=1):
        if line.startswith("```"):
            is_inside = line == "```filter"
            continue
        if not is_inside:
            continue
        found = _LINE.fullmatch(line)
        assert found, f"line {number} is neither pattern nor message: {line}"
        keyword, text = found[1], found[2] or ""
        if keyword in ("pattern", "refused"):
            pattern = text
        elif keyword == "fields":
            yield keyword, text.translate(_PICTURES), f"{pattern}\0{message}", number
        elif keyword == "at":
            yield keyword, text, pattern, number
        else:
            message = text.translate(_PICTURES)
            yield keyword, message, pattern, number


STEPS = list(_steps())


@pytest.mark.parametrize(
    ("keyword", "text", "subject"), [step[:3] for step in STEPS], ids=[f"line {step[3]}" for step in STEPS]
)
def test_the_page_says_what_happens(keyword: str, text: str, subject: str) -> None:
    """Every pattern of the normative page matches, extracts or is refused as the page says."""
    match keyword:
        case "match":
            assert FilterPattern(subject).match(text) is not None
        case "no match":
            assert FilterPattern(subject).match(text) is None
        case "fields":
            pattern, message = subject.split("\0")
            assert FilterPattern(pattern).match(message) == json.loads(text, strict=False)
        case "at":
            with pytest.raises(FilterError) as raised:
                FilterPattern(subject)
            assert raised.value.position == int(text)


def test_every_refused_pattern_has_a_position() -> None:
    """Each `refused` line of the page is followed by its `at` line, so none goes untested."""
    lines = PAGE.read_text().splitlines()
    refused = [number for number, line in enumerate(lines) if line.startswith("refused ")]
    assert all(lines[number + 1].startswith("at ") for number in refused)
    assert len(refused) > 30
