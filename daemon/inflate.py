"""Gunzips within a bound; decode/ does so for what queues deliver, the file source for files, in its worker thread.

Output is bounded while it is produced, so that a gzip bomb costs no more than the limit.
"""

from __future__ import annotations

from isal import isal_zlib

from daemon.errors import DecodeError, RejectReason

GZIP_MAGIC = b"\x1f\x8b"
_GZIP_WINDOW = 31  # zlib's word for "a gzip header, largest window"


def inflate(packed: bytes, max_bytes: int) -> bytes:
    """Return what a gzip file holds, all its members joined (RFC 1952, section 2.2).

    Raises DecodeError: BAD_GZIP, or TOO_LARGE beyond max_bytes.  Lets other threads run meanwhile.
    """
    members: list[bytes] = []
    size = 0
    while packed:
        inflater = isal_zlib.decompressobj(_GZIP_WINDOW)
        try:
            # One byte more than allowed tells "exactly full" from "too large".
            member = inflater.decompress(packed, max_bytes - size + 1)
        except isal_zlib.IsalError as error:  # type: ignore[misc]  # its stub declares an instance
            raise DecodeError(RejectReason.BAD_GZIP, str(error)) from error
        size += len(member)
        if size > max_bytes:
            raise DecodeError(RejectReason.TOO_LARGE, f"more than {max_bytes} bytes once unpacked")
        if not inflater.eof:
            raise DecodeError(RejectReason.BAD_GZIP, "ends in the middle")
        members.append(member)
        packed = inflater.unused_data.lstrip(b"\x00")
    return members[0] if len(members) == 1 else b"".join(members)
