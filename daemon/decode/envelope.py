"""Takes off what packs a document: gzip, and base64 around gzip.  decode/__init__.py calls it before all else."""

from __future__ import annotations

import binascii

from daemon.errors import DecodeError, RejectReason
from daemon.inflate import GZIP_MAGIC, inflate

_GZIP_MAGIC_BASE64 = b"H4sI"
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
    if body.startswith(GZIP_MAGIC):
        body = inflate(body, max_bytes)
    elif len(body) > max_bytes:
        raise DecodeError(RejectReason.TOO_LARGE, f"{len(body)} bytes, limit {max_bytes}")
    body = body.removeprefix(_UTF8_BOM)
    if not body or body.isspace():
        raise DecodeError(RejectReason.EMPTY, "no bytes" if not body else "only blanks")
    return body
