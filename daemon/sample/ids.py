"""Identifiers in the forms AWS gives them, drawn from a seeded generator.

Everything in this folder that needs a name nobody chose takes it from here.  Nothing is secret and nothing is real: the
generator is `random`, so that a seed always gives the same bytes.
"""

from __future__ import annotations

import base64
from random import Random


def uuid(rng: Random) -> str:
    """Return a version 4 UUID (RFC 9562) in lower case, as in `eventID` and `requestID`."""
    digits = f"{rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"


def hexadecimal(rng: Random, digits: int) -> str:
    """Return that many hexadecimal digits."""
    return f"{rng.getrandbits(4 * digits):0{digits}x}"


def resource(rng: Random, prefix: str) -> str:
    """Return an EC2 resource identifier of the long form, such as `i-0` and 16 digits more."""
    return f"{prefix}-0{rng.getrandbits(64):016x}"


def unique(rng: Random, prefix: str) -> str:
    """Return an IAM unique identifier: its four-letter kind (AIDA, AROA, AKIA, ASIA), then 16 of base 32."""
    return prefix + base64.b32encode(rng.randbytes(10)).decode()


def token(rng: Random, size: int) -> str:
    """Return that many random bytes in base 64."""
    return base64.b64encode(rng.randbytes(size)).decode()


def name(rng: Random, length: int) -> str:
    """Return letters and digits, as in the last part of a log file's name."""
    return "".join(rng.choices("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789", k=length))
