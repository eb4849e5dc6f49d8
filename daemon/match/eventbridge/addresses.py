"""IP addresses and CIDR blocks as EventBridge reads them.

Used where a pattern names a block or an address, and by the table of a field that is compared with one.  What counts
as an address follows aws/event-ruler: decimal octets may have leading zeros, an IPv6 address may not end in an IPv4
one, and an IPv4-mapped IPv6 address (::ffff:a00:1) is the IPv4 address.
"""

from __future__ import annotations

import re
from typing import NamedTuple

_IPV4 = re.compile(r"[0-9]+(?:\.[0-9]+){3}")
_IPV6 = re.compile(r"[0-9a-fA-F:]*:[0-9a-fA-F:]*")
_MASK = re.compile(r"[+-]?[0-9]+")
_MAPPED_IPV4 = 0xFFFF << 32
_MAX_JAVA_INT = 2**31 - 1


class Address(NamedTuple):
    """An address as a number; `width` is 32 or 128 bits."""

    width: int
    number: int


class Block(NamedTuple):
    """The addresses whose first `bits` bits are `network`."""

    width: int
    bits: int
    network: int

    def holds(self, address: Address) -> bool:
        """Tell whether the address is in the block; an IPv4 address is in no IPv6 block."""
        return address.width == self.width and address.number >> (self.width - self.bits) == self.network


def parse_address(text: str) -> Address | None:
    """Read an address; None where `text` is none."""
    if _IPV4.fullmatch(text):
        return _ipv4(text)
    if _IPV6.fullmatch(text):
        return _ipv6(text)
    return None


def parse_block(text: str) -> Block:
    """Read "10.0.0.0/8" or "2001:db8::/32"; bits past the mask are ignored.

    Raises ValueError with the reason.  Beyond event-ruler, which stops at /31 and /127, /32 and /128 are read too.
    """
    parts = text.rstrip("/").split("/")
    if len(parts) != 2:
        raise ValueError("a CIDR block is an address, one slash and a number of bits")
    if not _MASK.fullmatch(parts[1]) or len(parts[1]) > 11 or abs(int(parts[1])) > _MAX_JAVA_INT:
        raise ValueError("the number of bits behind the slash must be an integer")
    bits = int(parts[1])
    if bits < 0:
        raise ValueError("the number of bits behind the slash must not be negative")
    address = parse_address(parts[0])
    if address is None:
        raise ValueError(f"not an IP address: {parts[0]}")
    if bits > address.width:
        raise ValueError(f"at most {address.width} bits behind the slash of this address")
    return Block(address.width, bits, address.number >> (address.width - bits))


def _ipv4(text: str) -> Address | None:
    octets = [int(octet) for octet in text.split(".")] if len(text) <= 15 else [256]
    if max(octets) > 255:
        return None
    return Address(32, int.from_bytes(bytes(octets), "big"))


def _ipv6(text: str) -> Address | None:
    halves = text.split("::")
    if len(halves) > 2:
        return None
    groups = [_groups(half) for half in halves]
    zeros = 8 - sum(map(len, groups))
    if any(group is None for half in groups for group in half) or zeros < 0 or (zeros > 0) != (len(halves) == 2):
        return None
    number = 0
    for group in (*groups[0], *[0] * zeros, *(groups[1] if len(groups) == 2 else ())):
        number = number << 16 | (group or 0)
    return Address(32, number & 0xFFFFFFFF) if number >> 32 == 0xFFFF else Address(128, number)


def _groups(half: str) -> list[int | None]:
    """Return the numbers between colons, None for each that is empty or too large."""
    found: list[int | None] = []
    for written in half.split(":") if half else ():
        digits = written.lstrip("0") or written[:1]
        found.append(int(digits, 16) if 0 < len(digits) <= 4 else None)
    return found
