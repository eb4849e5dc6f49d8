"""Says in words what text breaks YAML, and on which line, for people who write YAML once a year; yaml_file.py asks.

The parser's own words name its state ("while scanning for the next token"), seldom what to change.
"""

from __future__ import annotations

import yaml

from daemon.yaml_build import TOO_DEEP

_TAB = "a tab; YAML is indented with blanks"
_QUOTES = "text that begins with {found} must stand in quotes"
_GOES_ON = (
    "this does not go on with the {what} that line {begun} begins: begin all in one column, or close a quote before"
)
_ADVICE = {
    "found character that cannot start any token": _QUOTES,
    "while scanning an alias": _QUOTES.replace("{found}", "*"),
    "while scanning an anchor": _QUOTES.replace("{found}", "&"),
    "found unexpected end of stream": "the quote that line {begun} opens is never closed",
    "mapping values are not allowed": "a colon where none can be: put text that holds one in quotes, and end the line "
    "above in a colon if this belongs below it",
    "did not find expected ',' or": "a comma or closing bracket is missing before this; line {begun} opens it",
    "exceeded maximum nesting depth": TOO_DEEP,  # a limit of newer parsers, beyond ours
    "did not find expected key": _GOES_ON.replace("{what}", "fields"),
    "did not find expected '-' indicator": _GOES_ON.replace("{what}", "list"),
}
"""By what the parser says."""


def syntax_fault(text: str, error: yaml.MarkedYAMLError) -> tuple[int, str]:
    """Return the line, from 1, and what is wrong there: in the parser's words where nothing better is known."""
    said = ", ".join(part for part in (error.context, error.problem) if part)
    begun = error.context_mark.line + 1 if error.context_mark else 1
    if error.problem_mark is None:
        return begun, said
    line, column = error.problem_mark.line, error.problem_mark.column
    found = text.splitlines()[line : line + 1]
    character = found[0][column : column + 1] if found else ""
    if character == "\t":
        return line + 1, _TAB
    advice = next((sentence for sign, sentence in _ADVICE.items() if sign in said), "")
    return line + 1, advice.format(found=character, begun=begun) or said
