"""The intrusion that the sample tells in single calls, spread over the day and over the accounts.

Each act is a file with a list of Step; a step names the rules of the starter pack (config/rules) that find it, which is
what tests hold the rules to: these records and no others.
"""

from __future__ import annotations

from daemon.sample.intrusion.blinding import BLINDING
from daemon.sample.intrusion.entry import ENTRY
from daemon.sample.intrusion.foothold import FOOTHOLD
from daemon.sample.intrusion.theft import THEFT

STORY = (*ENTRY, *FOOTHOLD, *BLINDING, *THEFT)
"""Every planted call in the order of the day."""
