"""How fast the storage drivers commit.

``PYTHONPATH=.:sdk/python python tests/benchmarks/storage_commit.py [DIRECTORY | URL]``, from the top:
SQLite in that directory, or PostgreSQL in that database, which must be empty.

One JSON line per case: microseconds per commit (median, 10th and 90th percentile) of groups of
steps, each with an execution update, two task rows and two facts; ``fsync`` is what the disk alone takes.
"""

import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from wfcore.api import Fact, Step, TaskRecord
from wfcore_plugins.storage.postgres import PostgresStorage
from wfcore_plugins.storage.sqlite import SqliteStorage
from wfsdk.contexts import context
from wfsdk.contracts.storage_executions import running

EXECUTIONS = 500


def step(execution, turn, create=False):
    tasks = [
        TaskRecord(f"t{turn}", "SUCCESS", "core/log", 1, output='{"v": 55}'),
        TaskRecord(f"t{turn + 1}", "RUNNING"),
    ]
    body = {"state": "SUCCESS"}
    facts = [Fact(2 * turn + n, 1, "task_finished", f"t{turn}", 1, body) for n in (1, 2)]
    return Step(
        running(f"0198c0de-0000-7000-8000-{execution:012}", seq=2 * turn + 2), create, None, tasks, facts
    )


def commits(storage, group, rounds):
    turn = [0] * EXECUTIONS
    for number in range(rounds):
        chosen = [(number * group + n) % EXECUTIONS for n in range(group)]
        for execution in chosen:
            turn[execution] += 1
        steps = [step(execution, turn[execution]) for execution in chosen]
        start = time.perf_counter()
        refused = storage.commit(steps)
        yield time.perf_counter() - start
        assert not refused


def syncs(directory, rounds):
    with (directory / "sync").open("wb", buffering=0) as file:
        for _ in range(rounds):
            file.write(b"x" * 4096)
            start = time.perf_counter()
            os.fdatasync(file.fileno())
            yield time.perf_counter() - start


def report(case, times, **more):
    deciles = statistics.quantiles([t * 1e6 for t in times], n=10)
    spread = {
        "median_us": round(deciles[4], 1),
        "p10_us": round(deciles[0], 1),
        "p90_us": round(deciles[8], 1),
    }
    print(json.dumps({"case": case, **spread, **more}), flush=True)


def measure(storage, group, rounds, **more):
    storage.start()
    storage.commit([step(n, 0, create=True) for n in range(EXECUTIONS)])
    times = list(commits(storage, group, rounds))
    storage.stop(5)
    report("commit", times, **more, group=group, steps_per_second=round(group / statistics.median(times)))


def measure_sqlite(directory):
    with tempfile.TemporaryDirectory(dir=directory) as place:
        report("fsync", list(syncs(Path(place), 500)))
    for synchronous in ("full", "normal"):
        for group, rounds in ((1, 2000), (10, 500), (50, 200)):
            with tempfile.TemporaryDirectory(dir=directory) as place:
                config = {"path": f"{place}/db.sqlite", "synchronous": synchronous}
                storage = SqliteStorage(config, context("sqlite", Path(place)))
                measure(storage, group, rounds, synchronous=synchronous)


def measure_postgres(url):
    for group, rounds in ((1, 2000), (10, 500), (50, 200), (500, 50)):
        storage = PostgresStorage({"url": url}, context("postgres", Path()))
        measure(storage, group, rounds)
        storage.start()
        storage._pool.connect()
        storage._pool.execute_sql("truncate execution, task, fact")
        storage._pool.close()
        storage.stop(5)


if __name__ == "__main__":
    place = sys.argv[1] if len(sys.argv) > 1 else None
    (measure_postgres if place and "://" in place else measure_sqlite)(place)
