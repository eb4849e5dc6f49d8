"""Alert hygiene: what becomes of an alert between its intent and its sink.

target.py is the whole way on one screen: too low a severity, silenced or in maintenance (quiet.py), gathered into a
group (group.py is the pure part, groups.py keeps it in the state store), or sent.  keeper.py tells of groups when they
are due.  An alert is final once the store has it in a group; silences never stop actions, holds never stop alerts.
"""
