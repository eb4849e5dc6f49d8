"""The standard streams, for all commands: those that are closed are opened, and what they do not take ends the command.

main() prepares them before anything else, and asks here what to make of output that is not taken.
"""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress

import typer

READER_GONE = 141
"""What a shell makes of SIGPIPE (128 + 13), by which other tools end when nobody reads them any more."""
_NOT_TAKEN = 4
_NOT_TAKEN_ERRORS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF))
"""What a write to standard output fails with; files of our own are written in sinks/ and state/, which translate."""


def open_closed_streams() -> None:
    """Put something in place of what `<&-` or `>&-` closed, lest the event loop or a file of ours come to lie there.

    Writing to the standard output that was closed fails, for what nobody gets is a fault; the other two are empty.
    """
    for descriptor, mode in enumerate((os.O_RDONLY, os.O_RDONLY, os.O_WRONLY)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, mode)  # takes the lowest number that is free; those below are taken by now
    sys.stdin = sys.stdin or os.fdopen(0, closefd=False)
    sys.stdout = sys.stdout or os.fdopen(1, "w", closefd=False)
    sys.stderr = sys.stderr or os.fdopen(2, "w", closefd=False)


def code_of(error: OSError) -> int | None:
    """Return what a command ends with that cannot print, None for an error that says nothing of the kind."""
    if error.filename is not None:
        return None
    if error.errno == errno.EPIPE:
        return READER_GONE
    return _NOT_TAKEN if error.errno in _NOT_TAKEN_ERRORS else None


def print_no_more(error: OSError) -> None:
    """Say why, unless nobody reads; what is left in buffers goes nowhere, or it would fail once more at the end."""
    if error.errno != errno.EPIPE:
        with suppress(OSError):
            typer.echo(f"vigild: standard output: {error.strerror}", err=True)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
