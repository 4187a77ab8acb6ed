"""B7: one, two and four servers on one PostgreSQL: the work that waits for any of them."""

from __future__ import annotations

import logging
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from multiprocessing.queues import Queue as Results
from pathlib import Path

import psycopg2
from harness import Databases, Server, chain, report, server, submit_many

from wfcore.api import Context, ExecutionRecord, Step
from wfcore.engine.clock import SystemClock
from wfcore_plugins.storage.postgres import PostgresStorage

SERVERS = (1, 2, 4)
#: A claim takes so many executions at the most.
AT_ONCE = 10
#: Seconds after which the processes begin, all at once.
SOON = 3.0


@contextmanager
def _opened(url: str, directory: Path) -> Iterator[PostgresStorage]:
    context = Context("postgres", logging.getLogger("bench"), SystemClock(), directory)
    storage = PostgresStorage({"url": url}, context)
    storage.start()
    try:
        yield storage
    finally:
        storage.stop(5.0)


def _queued(number: int) -> Step:
    return Step(ExecutionRecord(f"{number:08}", "default", "load", 1), create=True)


def _deadlocks(url: str) -> int:
    with closing(psycopg2.connect(url)) as connection:
        cursor = connection.cursor()
        cursor.execute("select deadlocks from pg_stat_database where datname = current_database()")
        return int(cursor.fetchone()[0])


def run(databases: Databases, executions: int) -> None:
    """Claims by the driver alone, then whole servers that run what was queued."""
    for count in SERVERS:
        _claims(databases, count, executions)
    for count in SERVERS:
        _servers(databases, count, executions)


def _claims(databases: Databases, count: int, executions: int) -> None:
    directory = databases.directory(f"claims{count}")
    url = databases.fresh(directory)["url"]
    with _opened(url, directory) as storage:
        for start in range(0, executions, 500):
            storage.commit([_queued(number) for number in range(start, min(start + 500, executions))])
    results: Results[tuple[int, int, float, float]] = multiprocessing.get_context("spawn").Queue()
    begin = time.time() + SOON
    workers = [
        multiprocessing.get_context("spawn").Process(
            target=_claim, args=(url, directory, f"node{number}", begin, results)
        )
        for number in range(count)
    ]
    for worker in workers:
        worker.start()
    found = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    seconds = max(ended for *_, ended in found) - min(begun for *_, begun, _ in found)
    claimed = sum(taken for taken, *_ in found)
    if claimed != executions:
        raise SystemExit(f"{claimed} of {executions} were claimed")
    short = sum(less for _, less, *_ in found)
    conflicts = {"short_claims": short, "deadlocks": _deadlocks(url)}
    report("B7", f"executions claimed by {count} processes", "1/s", [claimed / seconds], **conflicts)


def _claim(
    url: str, directory: Path, node: str, begin: float, results: Results[tuple[int, int, float, float]]
) -> None:
    """Claim until nothing is left; how many, how many claims got less than they might, begin and end."""
    with _opened(url, directory) as storage:
        taken = short = 0
        time.sleep(max(0.0, begin - time.time()))
        begun = time.time()
        while found := storage.claim(node, AT_ONCE):
            taken += len(found)
            short += len(found) < AT_ONCE
        results.put((taken, short, begun, time.time()))


def _servers(databases: Databases, count: int, executions: int) -> None:
    """What was queued at a server that runs nothing, until all of it has ended."""
    home = databases.directory(f"shared{count}")
    storage = databases.fresh(home)
    limits = {"maxConcurrentWorkflows": 100}
    with ExitStack() as stack:
        front = stack.enter_context(
            server(home / "front", storage, execution=limits, server={"port": 0, "role": "api"})
        )
        front.client().apply(chain("load", 3))
        submit_many([front], "load", executions)
        settings = {"execution": limits, "server": {"port": 0, "role": "worker"}}
        workers = [Server(home / f"worker{n}", storage, settings) for n in range(count)]
        begun = time.perf_counter()
        for worker in workers:
            worker.start()
            stack.callback(worker.stop)
        client = front.client()
        client.await_success(1)
        first, began = client.counts()["SUCCESS"], time.perf_counter()
        client.await_success(executions)
        ended = time.perf_counter()
    rate = (executions - first) / (ended - began)
    conflicts = {"with_start": round(ended - begun, 2), "deadlocks": _deadlocks(storage["url"])}
    report("B7", f"queued executions of three tasks, {count} workers", "1/s", [rate], **conflicts)
