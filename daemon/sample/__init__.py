"""The project's own sample: a made-up day of a small AWS organisation, as CloudTrail delivers it to a bucket.

The command line's `demo`, tests and benchmarks call `write_day`; what it writes needs no AWS account and holds
nobody's data.  organisation.py says who there is, identities.py who calls, traffic/ what they call all day,
intrusion/ what the intruder does, faults.py what arrives broken; day.py spreads it over the day, writer.py lays it
out in files.

To add a benign call: one line in a table of traffic/.  To add a step of the intrusion: one Step in an act of it,
naming the rules of config/rules that find it.
"""

from __future__ import annotations

from daemon.sample.writer import Broken, Planted, SamplePlan, SampleSummary, write_day

__all__ = ["Broken", "Planted", "SamplePlan", "SampleSummary", "write_day"]
