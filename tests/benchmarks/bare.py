"""The least that durable steps cost: a writer that commits what has come, workers that compute, no more.

No language, no API, no hooks, no cancelling, no recovery: two tables and a log, plain sqlite3 in WAL mode
with synchronous=FULL, the end of one task and the begin of the next in one transaction. What the product
needs beyond that is what its features cost.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue

TABLES = """
create table execution(id integer primary key, state text, seq integer);
create table task(execution integer, number integer, state text, output text, primary key(execution, number))
without rowid;
create table fact(execution integer, seq integer, at integer, kind text, body text,
primary key(execution, seq)) without rowid;
"""
WORKERS = 8


def run(file: Path, executions: int, length: int) -> float:
    """The seconds that so many chains of this length take, all begun at once."""
    done: SimpleQueue[tuple[int, int, str]] = SimpleQueue()
    ready: SimpleQueue[tuple[int, int] | None] = SimpleQueue()
    database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    for statement in ("pragma journal_mode=wal", "pragma synchronous=full"):
        database.execute(statement)
    database.executescript(TABLES)

    def work() -> None:
        while (job := ready.get()) is not None:
            execution, number = job
            done.put((execution, number, json.dumps({"v": number + 1})))

    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    begun = time.perf_counter()
    for execution in range(executions):
        done.put((execution, -1, ""))
    left, seqs = executions, dict[int, int]()
    while left:
        batch = [done.get()]
        while len(batch) < 512:
            try:
                batch.append(done.get_nowait())
            except Empty:
                break
        left -= _commit(database, batch, length, seqs, ready)
    seconds = time.perf_counter() - begun
    for _ in workers:
        ready.put(None)
    for worker in workers:
        worker.join()
    database.close()
    return seconds


def _commit(
    database: sqlite3.Connection,
    batch: list[tuple[int, int, str]],
    length: int,
    seqs: dict[int, int],
    ready: SimpleQueue[tuple[int, int] | None],
) -> int:
    """One transaction for all that has come; how many executions have ended."""
    now, next_tasks, ended = time.time_ns() // 1000, [], 0
    database.execute("begin immediate")
    for execution, number, output in batch:
        seq = seqs[execution] = seqs.get(execution, 0) + 1
        if number < 0:
            database.execute("insert into execution values(?, 'RUNNING', 1)", (execution,))
        else:
            database.execute(
                "update task set state = 'SUCCESS', output = ? where execution = ? and number = ?",
                (output, execution, number),
            )
        database.execute("insert into fact values(?, ?, ?, 'task', ?)", (execution, seq, now, output))
        state = "SUCCESS" if number + 1 == length else "RUNNING"
        database.execute("update execution set state = ?, seq = ? where id = ?", (state, seq, execution))
        if state == "RUNNING":
            database.execute("insert into task values(?, ?, 'RUNNING', null)", (execution, number + 1))
            next_tasks.append((execution, number + 1))
        else:
            ended += 1
    database.execute("commit")
    for task in next_tasks:
        ready.put(task)
    return ended
