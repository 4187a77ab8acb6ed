"""A process that commits and says what it has committed, to be killed or watched from outside.

``storage_child.py DB GROUP ROUNDS``, where DB is a SQLite file or the URL of a PostgreSQL database:
writes ``begin N`` and ``end N`` around the N-th commit of GROUP steps; in the N-th commit every
execution gets fact N, sequence number N and output N.
"""

import os
import sys
from pathlib import Path

from wfcore.api import Fact, Step, TaskRecord
from wfcore_plugins.storage.postgres import PostgresStorage
from wfcore_plugins.storage.sqlite import SqliteStorage
from wfsdk.contexts import context
from wfsdk.contracts.storage_executions import running


def steps(group, number, create):
    return [
        Step(
            running(f"{n:04}", seq=number),
            create,
            tasks=[TaskRecord("a", "RUNNING", output=str(number))],
            facts=[Fact(number, number, "x")],
        )
        for n in range(group)
    ]


def say(text):
    os.write(1, f"{text}\n".encode())


def make(place):
    if place.startswith("postgresql:"):
        return PostgresStorage({"url": place}, context("postgres", Path()))
    return SqliteStorage({"path": place, "synchronous": "full"}, context("sqlite", Path(place).parent))


def main(place, group, rounds):
    storage = make(place)
    storage.start()
    first = storage.execution("0000")
    start = first.seq if first else 0
    for number in range(start + 1, start + rounds + 1):
        group_of_steps = steps(group, number, create=number == 1)
        say(f"begin {number}")
        refused = storage.commit(group_of_steps)
        say(f"end {number}" if not refused else f"refused {refused}")
    storage.stop(5)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
