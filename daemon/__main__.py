"""`python -m daemon` is `vigild`."""

from daemon.cli import main

main()
