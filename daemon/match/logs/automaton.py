"""Searching text with regular expressions in time linear in the text, whatever the expression.

Python's `re` backtracks: `a*a*a*a*b` on a message of a megabyte would not return.  pydantic-core, which the settings
already need, validates strings with Rust's `regex` crate: finite automata, no backtracking, and many literals or
expressions searched in one pass.  values.py runs single expressions, search.py whole groups of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from pydantic_core import SchemaError, SchemaValidator, core_schema

_SURROGATES = re.compile("[\ud800-\udfff]")


class TooLargeError(Exception):
    """Raised when the automaton would need more memory than the engine's limit (10 MB)."""


def compile_search(expressions: tuple[str, ...]) -> Callable[[str], bool]:
    r"""Return a function that tells whether any of the expressions is found in a text, which must be `encodable`.

    The expressions are in the syntax of Rust's `regex` crate, of which parse_regex and
    `literal` write a small part.  Raises TooLargeError.
    """
    joined = "|".join(f"(?:{expression})" for expression in expressions)
    schema = core_schema.str_schema(pattern=joined, regex_engine="rust-regex")
    try:
        return SchemaValidator(schema).isinstance_python
    except SchemaError as error:
        raise TooLargeError from error


def literal(text: str) -> str:
    r"""Return the expression that finds exactly this text."""
    return "".join(character if character.isalnum() else f"\\x{{{ord(character):x}}}" for character in text)


def encodable(text: str) -> str:
    """Return the text with each lone surrogate, which UTF-8 cannot hold, replaced by U+FFFD; patterns name neither."""
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return _SURROGATES.sub("\ufffd", text)
    return text
