"""Takes off what packs a document: gzip, and base64 around gzip.  decode/__init__.py calls it before all else.

Output is bounded while it is produced, so that a gzip bomb costs no more than the limit.
"""

from __future__ import annotations

import binascii

from isal import isal_zlib

from daemon.errors import DecodeError, RejectReason

_GZIP_MAGIC = b"\x1f\x8b"
_GZIP_MAGIC_BASE64 = b"H4sI"
_GZIP_WINDOW = 31  # zlib's word for "a gzip header, largest window"
_UTF8_BOM = b"\xef\xbb\xbf"


def unpack(body: bytes, max_bytes: int) -> bytes:
    """Return the text inside: gunzipped where it is gzip (also in base64), without a byte order mark.

    Raises DecodeError: EMPTY, BAD_GZIP, or TOO_LARGE beyond max_bytes.
    """
    if body.startswith(_GZIP_MAGIC_BASE64):
        try:
            body = binascii.a2b_base64(body)
        except binascii.Error as error:
            raise DecodeError(RejectReason.BAD_GZIP, f"base64 around gzip: {error}") from error
    if body.startswith(_GZIP_MAGIC):
        body = _gunzip(body, max_bytes)
    elif len(body) > max_bytes:
        raise DecodeError(RejectReason.TOO_LARGE, f"{len(body)} bytes, limit {max_bytes}")
    body = body.removeprefix(_UTF8_BOM)
    if not body or body.isspace():
        raise DecodeError(RejectReason.EMPTY, "no bytes" if not body else "only blanks")
    return body


def _gunzip(packed: bytes, max_bytes: int) -> bytes:
    """Join all gzip members; a producer that appends writes one member after the other (RFC 1952, section 2.2)."""
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
