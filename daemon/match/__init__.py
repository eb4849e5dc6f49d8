"""What events are matched with: pure, no I/O.

`Matcher` holds many EventBridge patterns at once.
"""

from daemon.errors import PatternError
from daemon.match.eventbridge.matcher import Matcher

__all__ = ["Matcher", "PatternError"]
