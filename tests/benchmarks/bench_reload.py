"""How late the event loop gets while rules are reloaded under full load, and without a reload, to compare."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import anyio

from tests.reloading import prepare, run_with_reloads

_RULES = 10_000
_EVENTS = 100_000


def main() -> None:
    """Print both."""
    with tempfile.TemporaryDirectory() as folder:
        for part, reloading in (("without", False), ("with", True)):
            settings = prepare(Path(folder, part), _RULES, _EVENTS)
            run = partial(run_with_reloads, settings, reloading=reloading)
            outcome = anyio.run(run, backend_options={"use_uvloop": True})
            late = f"at most {outcome.latest * 1_000:.0f} ms late"
            print(f"{outcome.reloads} reloads of {_RULES:,} rules during {outcome.received:,.0f} events: {late}")


if __name__ == "__main__":
    main()
