"""What was done to the estate, by whom and why, in an order that cannot be changed afterwards unseen.

dispatch/remediation/ appends entries (entry.py) to the chain (chain.py) in the state store; `vigild journal` shows,
verifies and exports it.
"""

from daemon.journal.chain import BrokenChainError, Journal
from daemon.journal.entry import Entry

__all__ = ("BrokenChainError", "Entry", "Journal")
