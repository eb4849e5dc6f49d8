"""CloudWatch Logs filter patterns: terms, JSON conditions, space-delimited slots.

docs/patterns-logs.md is normative.  Pure: no I/O, no clock.  A pattern's text goes through parse.py into the tree of
syntax.py, evaluate.py makes it a function, and filterset.py finds the few of many filters that are worth calling.
"""

from daemon.match.logs.filterset import FilterSet
from daemon.match.logs.pattern import FilterPattern

__all__ = ["FilterPattern", "FilterSet"]
