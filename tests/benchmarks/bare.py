"""The least that durable steps cost: a writer that commits what has come, workers that compute, no more.

No language, no API, no hooks, no cancelling, no recovery: rows with the columns that an engine cannot do
without, plain sqlite3 in WAL mode with synchronous=FULL, the end of one task and the begin of the next in one
transaction, tasks that compute for some ten microseconds. What the product needs beyond that is what its
features cost.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from pathlib import Path
from queue import Empty, SimpleQueue

TABLES = """
create table execution(id integer primary key, state text, seq integer, workflow text, begun integer,
ended integer);
create table task(execution integer, path text, state text, attempt integer, due integer, owner integer,
lease integer, output text, primary key(execution, path)) without rowid;
create index ready on task(state, due) where state = 'READY';
create table fact(execution integer, seq integer, at integer, kind text, body text,
primary key(execution, seq)) without rowid;
"""
WORKERS = 8
#: At most so many ends of tasks in one transaction.
GROUP = 256
LEASE = 30_000_000
Job = tuple[int, int]


def run(file: Path, executions: int, length: int) -> float:
    """The seconds that so many chains of this length take, all begun at once."""
    done: SimpleQueue[tuple[int, int, str]] = SimpleQueue()
    ready: SimpleQueue[Job | None] = SimpleQueue()
    database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    for statement in ("pragma journal_mode=wal", "pragma synchronous=full"):
        database.execute(statement)
    database.executescript(TABLES)

    def work() -> None:
        while (job := ready.get()) is not None:
            execution, number = job
            done.put((execution, number, json.dumps({"v": _fibonacci(10)})))

    workers = [threading.Thread(target=work) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    begun = time.perf_counter()
    for execution in range(executions):
        done.put((execution, -1, "{}"))
    left, seqs = executions, dict[int, int]()
    while left:
        batch = [done.get()]
        while len(batch) < GROUP:
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


def _fibonacci(number: int) -> int:
    return number if number < 2 else _fibonacci(number - 1) + _fibonacci(number - 2)


def _commit(
    database: sqlite3.Connection,
    batch: list[tuple[int, int, str]],
    length: int,
    seqs: dict[int, int],
    ready: SimpleQueue[Job | None],
) -> int:
    """One transaction for all that has come; how many executions have ended."""
    now, next_tasks, ended = time.time_ns() // 1000, list[Job](), 0
    database.execute("begin immediate")
    for execution, number, output in batch:
        seq = seqs[execution] = seqs.get(execution, 0) + 1
        if number < 0:
            kind = "created"
            database.execute(
                "insert into execution values(?, 'RUNNING', 1, 'bare', ?, null)", (execution, now)
            )
        else:
            kind = "task.finished"
            database.execute(
                "update task set state = 'SUCCESS', output = ?"
                " where execution = ? and path = ? and owner = 1 and state = 'RUNNING'",
                (output, execution, f"t{number}"),
            )
        database.execute("insert into fact values(?, ?, ?, ?, ?)", (execution, seq, now, kind, output))
        if number + 1 < length:
            database.execute(
                "insert into task values(?, ?, 'RUNNING', 1, ?, 1, ?, null)",
                (execution, f"t{number + 1}", now, now + LEASE),
            )
            database.execute("update execution set seq = ? where id = ?", (seq, execution))
            next_tasks.append((execution, number + 1))
        else:
            database.execute(
                "update execution set state = 'SUCCESS', ended = ?, seq = ? where id = ?",
                (now, seq, execution),
            )
            ended += 1
    database.execute("commit")
    for task in next_tasks:
        ready.put(task)
    return ended
