from __future__ import annotations

import gzip

import pytest

from daemon.sources.file.formats import FileFormat, Handling, handling_of

OBJECT = b'{"a": 1}'
PRETTY = b'{\n  "a": 1\n}\n'
PACKED = gzip.compress(OBJECT, mtime=0)


@pytest.mark.parametrize(
    ("name", "opening", "handling"),
    [
        ("trail.json", OBJECT, Handling.WHOLE_DOCUMENT),
        ("trail.json", OBJECT + b"\n\n", Handling.WHOLE_DOCUMENT),
        ("trail.json", PRETTY, Handling.WHOLE_DOCUMENT),
        ("trail.json", b"", Handling.WHOLE_DOCUMENT),
        ("trail.json", b"[1]\n[2]\n", Handling.WHOLE_DOCUMENT),
        ("trail.json", OBJECT + b"\n" + OBJECT, Handling.CUT),
        ("TRAIL.JSON", b"\xef\xbb\xbf" + OBJECT + b"\r\n" + OBJECT, Handling.CUT),
        ("trail.json.gz", PACKED, Handling.WHOLE_DOCUMENT),
        ("trail.json.gz", b"", Handling.WHOLE_DOCUMENT),
        ("trail.gz", b"not gzip at all", Handling.WHOLE_DOCUMENT),
        ("trail", PACKED, Handling.WHOLE_DOCUMENT),
        ("app.log", OBJECT, Handling.CUT),
        ("app.log", PRETTY, Handling.CUT),
        ("app.log", PACKED, Handling.WHOLE_LINES),
        ("app.ndjson.gz", PACKED, Handling.WHOLE_LINES),
        ("app.jsonl.gz", PACKED, Handling.WHOLE_LINES),
        ("events", OBJECT, Handling.CUT),
        ("events", b"garbage\n" + OBJECT, Handling.CUT),
        ("events", PRETTY, Handling.WHOLE_DOCUMENT),
        ("events", b'{"Records": [\n{}]}', Handling.WHOLE_DOCUMENT),
        ("events", b"", Handling.CUT),
    ],
)
def test_name_then_content_decide(name: str, opening: bytes, handling: Handling) -> None:
    """Without a declared format the name decides where it is telling, else the opening bytes."""
    assert handling == handling_of(f"/data.d/{name}", FileFormat.AUTO, opening, is_cut_off=False)


def test_a_line_longer_than_lines_may_be_is_a_document() -> None:
    """A file of unknown name whose first line does not end within the limit is worth trying as a document."""
    assert handling_of("/data/events", FileFormat.AUTO, OBJECT, is_cut_off=True) is Handling.WHOLE_DOCUMENT


@pytest.mark.parametrize(
    ("declared", "name", "opening", "handling"),
    [
        (FileFormat.LINES, "trail.json", OBJECT, Handling.CUT),
        (FileFormat.LINES, "trail.gz", PACKED, Handling.WHOLE_LINES),
        (FileFormat.DOCUMENT, "app.log", OBJECT + b"\n" + OBJECT, Handling.WHOLE_DOCUMENT),
        (FileFormat.DOCUMENT, "app.log.gz", PACKED, Handling.WHOLE_DOCUMENT),
    ],
)
def test_what_is_declared_overrules(declared: FileFormat, name: str, opening: bytes, handling: Handling) -> None:
    """A declared format holds whatever the name."""
    assert handling == handling_of(name, declared, opening, is_cut_off=False)
