"""From a pattern's text to its tree: decides which of the three kinds it is and runs that kind's parser.

pattern.py and filterset.py call `parse`.  The grammar is written down, with examples, in docs/patterns-logs.md.
"""

from __future__ import annotations

from daemon.errors import FilterError
from daemon.match.logs.cursor import BLANKS, Cursor
from daemon.match.logs.parse_delimited import parse_delimited
from daemon.match.logs.parse_json import parse_json
from daemon.match.logs.parse_terms import parse_terms
from daemon.match.logs.syntax import Pattern

MAX_CHARACTERS = 1024
"""PutMetricFilter's limit on filterPattern (botocore service model `logs`)."""
MAX_REGEXES = 2
"""Regular expressions in one JSON or space-delimited pattern (FilterAndPatternSyntax, quotas)."""


def parse(text: str) -> Pattern:
    """Parse a filter pattern.

    Raises FilterError with the character's position for what CloudWatch Logs refuses (FilterAndPatternSyntax).
    """
    if len(text) > MAX_CHARACTERS:
        raise FilterError(MAX_CHARACTERS, f"a pattern has at most {MAX_CHARACTERS} characters")
    _refuse_surrogates(text)
    bare = text.strip(BLANKS)
    start = len(text) - len(text.lstrip(BLANKS))
    cursor = Cursor(text, start, start + len(bare))
    match bare[:1]:
        case "{":
            return parse_json(_inside(cursor, "}"))
        case "[":
            return parse_delimited(_inside(cursor, "]"))
    return parse_terms(cursor)


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise FilterError(error.start, "half a surrogate pair is no character") from None


def _inside(cursor: Cursor, closing: str) -> Cursor:
    """Return a cursor over what stands between the outermost brackets."""
    opening = cursor.peek()
    if len(cursor.text[cursor.position : cursor.end]) < 2 or cursor.text[cursor.end - 1] != closing:
        cursor.fail(f"a pattern that starts with {opening} must end with {closing}", cursor.end)
    return Cursor(cursor.text, cursor.position + 1, cursor.end - 1, MAX_REGEXES)
