"""Sets of small numbers as the bits of one integer: bit i stands for alternative i of the rule set."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

_SPARSE = 24


def bits_of(numbers: Iterable[int]) -> int:
    """Return the integer whose set bits are `numbers`."""
    numbers = list(numbers)
    if len(numbers) <= 2:
        mask = 0
        for number in numbers:
            mask |= 1 << number
        return mask
    octets = bytearray((max(numbers) >> 3) + 1)
    for number in numbers:
        octets[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(octets, "little")


def numbers_of(mask: int, numbers: Sequence[int]) -> list[int]:
    """Return the elements of `numbers` whose bits are set in `mask`, in their order."""
    if mask.bit_count() > _SPARSE:
        octets = mask.to_bytes((mask.bit_length() + 7) >> 3, "little")
        return [numbers[at << 3 | bit] for at, octet in enumerate(octets) if octet for bit in _BITS[octet]]
    found = []
    while mask:
        highest = mask.bit_length() - 1
        found.append(numbers[highest])
        mask ^= 1 << highest
    found.reverse()
    return found


_BITS = [tuple(bit for bit in range(8) if octet >> bit & 1) for octet in range(256)]
