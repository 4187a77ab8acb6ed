"""B5: what an idle server costs, and how fast it and the command line are there."""

from __future__ import annotations

import os
import subprocess

from harness import WORKFLOW, Databases, Server, chain, proportional_memory, report, timed
from light import burst


def run(databases: Databases, rounds: int) -> None:
    """Measure on some servers, each on an empty database."""
    colds, idles, later = [], [], []
    for number in range(max(3, rounds // 4)):
        directory = databases.directory(f"footprint{number}")
        one = Server(directory, databases.fresh(directory))
        colds.append(one.start())
        try:
            idles.append(proportional_memory(one.pid))
            one.client().apply(chain("c3", 3))
            burst([one], "c3", 1000)
            later.append(proportional_memory(one.pid))
        finally:
            one.stop()
    report("B5", "cold start to ready", "s", colds)
    report("B5", "idle memory (PSS)", "MB", idles)
    report("B5", "memory after 1 000 executions (PSS)", "MB", later)
    helps = [
        timed(lambda: subprocess.run([*WORKFLOW, "--help"], stdout=subprocess.DEVNULL, env=os.environ))
        for _ in range(rounds)
    ]
    report("B5", "--help", "ms", [seconds * 1000 for seconds in helps])
