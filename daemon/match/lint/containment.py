"""Does every value that one test holds for satisfy another; can two hold for the same value?

Sound, not complete: True is proven, False means "not known".  overlap.py and contradictions.py ask.
"""

from __future__ import annotations

from daemon.match.eventbridge.addresses import Block
from daemon.match.eventbridge.casing import Side, fold
from daemon.match.eventbridge.operators import (
    Affix,
    AnythingBut,
    Between,
    Exact,
    Exists,
    InBlock,
    Positive,
    Test,
    Wildcard,
)


def contains(wide: Test, narrow: Test) -> bool:
    """Tell whether `wide` surely holds wherever `narrow` does."""
    if wide == narrow:
        return True
    if isinstance(narrow, Exists) or isinstance(wide, Exists):
        return isinstance(wide, Exists) and wide.wanted and not isinstance(narrow, Exists)
    if isinstance(narrow, AnythingBut):
        return isinstance(wide, AnythingBut) and all(
            any(contains(own, other) for own in narrow.excluded) for other in wide.excluded
        )
    if isinstance(wide, AnythingBut):
        return all(disjoint(narrow, excluded) for excluded in wide.excluded)
    return _positive_contains(wide, narrow)


def _positive_contains(wide: Positive, narrow: Positive) -> bool:
    match narrow:
        case Exact(address=None):
            return wide.holds(narrow.value)
        case Exact():
            # It holds for every spelling of the address, and only these two kinds of test see them all.
            return _reads_addresses(wide) and wide.holds(narrow.value)
        case Between():
            return isinstance(wide, Between) and _is_within(narrow, wide)
        case InBlock():
            return isinstance(wide, InBlock) and _is_inside(narrow.block, wide.block)
        case Wildcard(pieces=(text,)):
            return wide.holds(text)
    return _text_contains(wide, narrow)


def _reads_addresses(test: Positive) -> bool:
    return isinstance(test, InBlock) or (isinstance(test, Exact) and test.address is not None)


def _text_contains(wide: Positive, narrow: Affix | Wildcard) -> bool:
    """Compare what is known of the beginning and the end of the texts."""
    begin, end = _ends(narrow)
    if isinstance(wide, Wildcard):
        first, last = wide.pieces[0], wide.pieces[-1]
        return len(wide.pieces) == 2 and _starts(begin, first, narrow) and _stops(end, last, narrow)
    if not isinstance(wide, Affix) or (wide.ignore_case and not _is_plain(wide, narrow)):
        return False
    if wide.ignore_case:
        begin, end, text = fold(begin), fold(end), fold(wide.text)
    else:
        text = wide.text
    is_cased = isinstance(narrow, Wildcard) or not narrow.ignore_case or wide.ignore_case
    if wide.side is Side.START:
        return is_cased and begin.startswith(text)
    return is_cased and wide.side is Side.END and end.endswith(text)


def _starts(begin: str, first: str, narrow: Affix | Wildcard) -> bool:
    return not first or (begin.startswith(first) and not _ignores_case(narrow))


def _stops(end: str, last: str, narrow: Affix | Wildcard) -> bool:
    return not last or (end.endswith(last) and not _ignores_case(narrow))


def _ignores_case(test: Affix | Wildcard) -> bool:
    return isinstance(test, Affix) and test.ignore_case


def _is_plain(*tests: Affix | Wildcard) -> bool:
    """Tell whether folding says all about the case of the texts: true of ASCII, whatever else there is."""
    return all("".join(_ends(test)).isascii() for test in tests)


def _ends(test: Affix | Wildcard) -> tuple[str, str]:
    """Return with what each text that the test holds for begins and ends, in some case."""
    if isinstance(test, Wildcard):
        return test.pieces[0], test.pieces[-1]
    return (test.text if test.side is not Side.END else ""), (test.text if test.side is not Side.START else "")


def _is_within(narrow: Between, wide: Between) -> bool:
    above = narrow.low > wide.low or (narrow.low == wide.low and (narrow.low_open or not wide.low_open))
    below = narrow.high < wide.high or (narrow.high == wide.high and (narrow.high_open or not wide.high_open))
    return above and below


def _is_inside(narrow: Block, wide: Block) -> bool:
    return (
        narrow.width == wide.width
        and narrow.bits >= wide.bits
        and narrow.network >> (narrow.bits - wide.bits) == wide.network
    )


def disjoint(one: Test, other: Test) -> bool:
    """Tell whether surely no value satisfies both; a field that is not there has no value."""
    if isinstance(one, Exists) or isinstance(other, Exists):
        absent = [test for test in (one, other) if isinstance(test, Exists) and not test.wanted]
        return len(absent) == 1
    if isinstance(one, AnythingBut) or isinstance(other, AnythingBut):
        return _is_excluded(one, other) or _is_excluded(other, one)
    return _positives_disjoint(one, other)


def _is_excluded(test: Test, by: Test) -> bool:
    return isinstance(by, AnythingBut) and any(contains(excluded, test) for excluded in by.excluded)


def _positives_disjoint(one: Positive, other: Positive) -> bool:
    for test, counterpart in ((one, other), (other, one)):
        if isinstance(test, Exact) and (test.address is None or _reads_addresses(counterpart)):
            return not counterpart.holds(test.value)
    if isinstance(one, Between) and isinstance(other, Between):
        return _is_below(one, other) or _is_below(other, one)
    if isinstance(one, Between) or isinstance(other, Between):
        return True
    if isinstance(one, InBlock) and isinstance(other, InBlock):
        return not _is_inside(one.block, other.block) and not _is_inside(other.block, one.block)
    if isinstance(one, Affix | Wildcard) and isinstance(other, Affix | Wildcard):
        return _texts_disjoint(one, other)
    return False


def _is_below(one: Between, other: Between) -> bool:
    return one.high < other.low or (one.high == other.low and (one.high_open or other.low_open))


def _texts_disjoint(one: Affix | Wildcard, other: Affix | Wildcard) -> bool:
    (begin, end), (other_begin, other_end) = _ends(one), _ends(other)
    if _ignores_case(one) or _ignores_case(other):
        if not _is_plain(one, other):
            return False
        begin, end, other_begin, other_end = map(fold, (begin, end, other_begin, other_end))
    begins_apart = not begin.startswith(other_begin) and not other_begin.startswith(begin)
    return begins_apart or (not end.endswith(other_end) and not other_end.endswith(end))
