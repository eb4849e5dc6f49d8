"""What events are matched with: pure, no I/O.

`Matcher` holds many EventBridge patterns at once, `FilterPattern` is one CloudWatch Logs filter pattern.
"""

from daemon.errors import FilterError, PatternError
from daemon.match.eventbridge.matcher import Matcher
from daemon.match.logs import FilterPattern

__all__ = ["FilterError", "FilterPattern", "Matcher", "PatternError"]
