"""Tells our own half-made change from a change of somebody else.

kernel.py and undo.py ask where they go on after a crash or a failure in the middle of a change.
"""

from __future__ import annotations

from typing import Any


def between(image: Any, before: Any, after: Any) -> bool:
    """Return whether an image holds nothing but what is in `before` or `after`, and all that is in both."""
    if isinstance(image, dict) and isinstance(before, dict) and isinstance(after, dict):
        return image.keys() == before.keys() == after.keys() and all(
            between(image[name], before[name], after[name]) for name in image
        )
    if isinstance(image, list) and isinstance(before, list) and isinstance(after, list):
        return all(each in before or each in after for each in image) and all(
            each in image for each in before if each in after
        )
    return bool(image in (before, after))
