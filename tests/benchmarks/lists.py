"""How long lists of executions take when there are many of them, from outside, against a real server.

``PYTHONPATH=.:sdk/python python tests/benchmarks/lists.py [COUNT]``, from the top, prints a JSON line for
each filter: milliseconds for a page of 50, median and 99th percentile, first pages and pages from the middle.
"""

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from kernel import Client, server

from wfcore.api import Step, TaskRecord
from wfcore_plugins.storage.sqlite import SqliteStorage
from wfsdk.contexts import context
from wfsdk.contracts.storage_executions import running

ROUNDS = 200
FILTERS = (
    "",
    "namespace=default",
    "workflow=w7",
    "state=FAILED",
    "state=SUCCESS,FAILED",
    "namespace=default&state=FAILED,CANCELLED",
    "namespace=default&workflow=w7",
    "namespace=default&workflow=w7&state=FAILED",
    "namespace=none",
    "state=RUNNING",
)


def execution(number):
    state = "FAILED" if number % 50 == 0 else "SUCCESS"
    id = f"0198c0de-0000-7000-8000-{number:012}"
    return running(id, state=state, workflow=f"w{number % 20}", started_at=number, ended_at=number + 1)


def fill(place, count):
    """A database with so many executions that have ended."""
    storage = SqliteStorage({"path": str(place), "synchronous": "normal"}, context("sqlite", place.parent))
    storage.start()
    for start in range(0, count, 1000):
        group = [execution(number) for number in range(start, min(start + 1000, count))]
        storage.commit(
            [Step(one, True, tasks=[TaskRecord("a", "SUCCESS", output='{"v": 1}')]) for one in group]
        )
    storage.stop(5)


def measure(client, query):
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        client.call("GET", f"/api/v1/executions?limit=50&{query}")
        times.append((time.perf_counter() - start) * 1000)
    quantiles = statistics.quantiles(times, n=100)
    return {"median_ms": round(quantiles[49], 2), "p99_ms": round(quantiles[98], 2)}


def main(count=100_000):
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        fill(directory / "data" / "db.sqlite", count)
        with server(directory) as (_, address, token, _):
            client = Client(address, token)
            for query in FILTERS:
                middle = f"{query}&before=0198c0de-0000-7000-8000-{count // 2:012}"
                for what, asked in (("first page", query), ("from the middle", middle)):
                    told = {"filter": query or "none", "page": what, **measure(client, asked)}
                    print(json.dumps({"executions": count, **told}), flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
