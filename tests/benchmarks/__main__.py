"""`python -m tests.benchmarks [--only NAME]`: run main() of every bench_NAME.py beside this file, in order of name."""

from __future__ import annotations

import argparse
import importlib
from pathlib import Path

PREFIX = "bench_"


def main() -> None:
    """Run all benchmarks, or the one named; each prints its own figures."""
    names = sorted(path.stem.removeprefix(PREFIX) for path in Path(__file__).parent.glob(f"{PREFIX}*.py"))
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description="Run the benchmarks.")
    parser.add_argument("--only", choices=names, metavar="NAME", help=f"one of: {', '.join(names)}")
    only = parser.parse_args().only
    for name in [only] if only else names:
        print(f"== {name}", flush=True)
        importlib.import_module(f"tests.benchmarks.{PREFIX}{name}").main()


if __name__ == "__main__":
    main()
