from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from daemon.sources.file.lines import KEPT_OF_OVERSIZE_BYTES, LineCutter, Run

LIMIT = 50
CONTENT = st.lists(st.binary(max_size=2 * LIMIT), max_size=20).map(b"\n".join)


def blocks(content: bytes, cuts: list[int]) -> list[bytes]:
    """Cut the content at these places."""
    places = sorted({0, len(content), *(cut % (len(content) + 1) for cut in cuts)})
    return [content[start:end] for start, end in pairwise(places)]


def cut_up(content: bytes, cuts: list[int], limit: int, offset: int = 0) -> list[Run]:
    cutter = LineCutter(offset, limit)
    runs: list[Run] = []
    for block in blocks(content, cuts):
        assert cutter.read_to - offset == content.index(block, cutter.read_to - offset)
        runs += cutter.feed(block)
    return runs + cutter.finish()


@given(content=CONTENT, cuts=st.lists(st.integers(0, 10_000)), offset=st.integers(0, 2**40))
def test_any_blocks_give_exactly_the_lines(content: bytes, cuts: list[int], offset: int) -> None:
    """However a file is cut into blocks, the runs hold its bytes in order, in whole lines, at the right offsets."""
    runs = cut_up(content, cuts, limit=10_000, offset=offset)

    assert b"".join(run.body for run in runs) == content
    assert all(run.body.endswith(b"\n") for run in runs[:-1])
    assert all(run.oversize is None for run in runs)
    for run in runs:
        assert run.body == content[run.start - offset : run.end - offset]


@given(content=CONTENT, cuts=st.lists(st.integers(0, 10_000)))
def test_long_lines_are_cut_off_and_lose_nobody_else(content: bytes, cuts: list[int]) -> None:
    """Lines over the limit come alone with their length; all others are there, and every byte belongs to one run."""
    runs = cut_up(content, cuts, LIMIT)

    covered = 0
    for run in runs:
        assert run.start == covered
        covered = run.end
        whole = content[run.start : run.end]
        if run.oversize is None:
            assert run.body == whole
        else:
            assert run.oversize == len(whole) > LIMIT
            assert whole.startswith(run.body)
            assert b"\n" not in whole[:-1]
    assert covered == len(content)


@given(content=CONTENT, cuts=st.lists(st.integers(0, 10_000)))
def test_resuming_anywhere_continues_with_whole_lines(content: bytes, cuts: list[int]) -> None:
    """Any run's resume offset is where a line begins: behind the run, or at a last line without line feed."""
    for run in cut_up(content, cuts, LIMIT):
        assert run.resume in (run.start, run.end)
        assert run.resume == 0 or content[run.resume - 1 : run.resume] == b"\n"
        assert (run.resume == run.end) == (content[run.end - 1 : run.end] == b"\n")


def test_an_endless_line_is_not_held() -> None:
    """Of a line of any length no more than the beginning stays in memory."""
    cutter = LineCutter(0, 100_000)
    for _ in range(100):
        assert cutter.feed(b"x" * 100_000) == []
        assert len(cutter._held) <= 200_000
    (run, rest) = cutter.feed(b"x\n{}\n")

    assert (run.oversize, len(run.body)) == (10_000_002, KEPT_OF_OVERSIZE_BYTES)
    assert rest == Run(10_000_002, 10_000_005, b"{}\n")
