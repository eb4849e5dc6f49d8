"""The parser of unstructured patterns: terms, phrases and regular expressions to find in the text of a message."""

from __future__ import annotations

from daemon.match.logs.cursor import BLANKS, Cursor
from daemon.match.logs.syntax import Regex, Role, Term, TermsPattern


def parse_terms(cursor: Cursor) -> TermsPattern:
    """Parse `term "a phrase" %regex% ?optional -excluded`; raises FilterError."""
    terms = []
    cursor.skip_blanks()
    while not cursor.at_end():
        terms.append(_term(cursor))
        if not cursor.at_end() and cursor.peek() not in BLANKS:
            cursor.fail("a blank must follow the term")
        cursor.skip_blanks()
    return TermsPattern(tuple(terms))


def _term(cursor: Cursor) -> Term:
    role = _role(cursor)
    start = cursor.position
    what: str | Regex
    match cursor.peek():
        case '"':
            phrase = cursor.quoted()
            what = phrase if phrase.strip(BLANKS) else ""  # " " matches everything, as "" does
        case "%":
            what = cursor.regex()
        case _:
            what = _bare(cursor)
    return Term(role, what, cursor.text[start : cursor.position])


def _role(cursor: Cursor) -> Role:
    """Step over the mark before a term; a minus may stand apart from it, as in AWS's own `"ERROR" - "Exiting"`."""
    if cursor.take("?"):
        return Role.OPTIONAL
    if not cursor.take("-"):
        return Role.REQUIRED
    cursor.skip_blanks()
    return Role.EXCLUDED


def _bare(cursor: Cursor) -> str:
    """Step over an unquoted term; AWS wants quotes around anything but letters, digits and underscores."""
    start = cursor.position
    term = cursor.run(BLANKS)
    if not term:
        cursor.fail("a term must follow its mark")
    for offset, character in enumerate(term):
        if not (character.isalnum() or character == "_"):
            cursor.fail(f"invalid character {character!a} in term {term!a}: put it in double quotes", start + offset)
    return term
