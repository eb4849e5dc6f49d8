"""vigild: watches an AWS estate and acts on what it sees.  Start reading at README.md beside this file."""

__version__ = "0.1.0"
