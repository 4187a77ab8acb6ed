"""Writes what a server of each release may have left.

``PYTHONPATH=.:sdk/python python tests/upgrade/make.py``, from the top, makes for each migration ``NNNN_what``
a dump ``NNNN_what.sql`` of a SQLite database that has been migrated to it, with a workflow and executions in
every state in the middle of their work. Dumps that are there stay.
"""

import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import peewee

from wfcore_plugins.storage import migrations
from wfcore_plugins.storage.sqlite import SQLITE
from wfcore_plugins.storage.sqlite_file import APPLICATION_ID

HERE = Path(__file__).parent
NOW = 1_767_225_600_000_000
SOURCE = """\
id: flow
order: sequence
trigger: {cron: {expr: "0 0 1 1 *"}}
inputs: {n: {type: int, default: 1}}
tasks:
  a: {type: core/set, inputs: {v: "{{ inputs.n }}"}}
  b: {type: core/set, inputs: {v: "{{ tasks.a.output.v + 1 }}"}}
  c: {type: core/wait, inputs: {for: 1ms}}
  d: {type: core/set, inputs: {v: "{{ tasks.b.output.v + 1 }}"}}
outputs: {v: "{{ tasks.d.output.v }}"}
"""
FINISHED = '{"state":"SUCCESS"}'


def fact(execution, seq, kind, path="", attempt=0, body="{}"):
    place = {"execution": execution, "seq": seq, "at": NOW + seq}
    return {**place, "kind": kind, "path": path, "attempt": attempt, "body": body}


def task(execution, path, state, **columns):
    type = "core/wait" if path == "c" else "core/set"
    known = {"type": type, "attempt": 1, "losses": 0, "started_at": NOW, "ended_at": NOW + 9, "waiting": None}
    return {"execution": execution, "path": path, "state": state, **known, "due_at": None, **columns}


def execution(id, state, seq, **columns):
    known = {
        "namespace": "default", "workflow": "flow", "revision": 1, "owner": "node-old", "epoch": 1,
        "generation": 0, "key": None, "parent": None, "trigger_kind": "manual", "created_at": NOW,
        "started_at": NOW, "ended_at": None, "deadline": None, "error": None, "outputs": None,
        "trigger": '{"kind":"manual","name":"manual"}',
        "inputs": '{"n":5}', "labels": "{}",
    }  # fmt: skip
    return {"id": id, "state": state, "seq": seq, **known, **columns}


def begun(id):
    """The history of an execution whose first task is done and whose second had started."""
    return [
        fact(id, 1, "execution.created"),
        fact(id, 2, "execution.started"),
        fact(id, 3, "task.started", "a", 1),
        fact(id, 4, "task.finished", "a", 1, FINISHED),
        fact(id, 5, "task.started", "b", 1),
    ]


#: What a dump does not say by itself.
HEAD = f"PRAGMA auto_vacuum = incremental;\nPRAGMA application_id = {APPLICATION_ID};\n"
DONE, RUNS, WAITS, PENDS, STOPS = (f"019b0000-0000-7000-8000-00000000000{number}" for number in range(5))
FIRST = {"output": '{"v":5}'}
#: The rows of every table, with all columns that any release has had; a table takes those it has.
ROWS = {
    "workflow": [{"namespace": "default", "id": "flow", "revision": 1, "enabled": 1, "deleted": 0}],
    "revision": [
        {
            "namespace": "default", "workflow": "flow", "revision": 1, "digest": "0" * 64,
            "file": "flow.yaml", "created_at": NOW, "updated_at": NOW, "source": SOURCE,
            "files": "{}", "plugins": "{}",
        }
    ],
    "trigger": [
        {
            "namespace": "default", "workflow": "flow", "name": "cron", "kind": "cron", "address": None,
            "next_at": NOW + 10**15,
        }
    ],
    "tick": [
        {"namespace": "default", "workflow": "flow", "trigger": "cron", "due_at": NOW, "execution": DONE}
    ],
    "execution": [
        execution(DONE, "SUCCESS", 2, ended_at=NOW + 2, outputs='{"v":7}', trigger_kind="cron", key="once"),
        execution(RUNS, "RUNNING", 5),
        execution(WAITS, "WAITING", 8),
        execution(PENDS, "PENDING", 1, started_at=None),
        execution(STOPS, "RUNNING", 5),
    ],
    "task": [
        task(RUNS, "a", "SUCCESS", **FIRST),
        task(RUNS, "b", "RUNNING", ended_at=None),
        task(WAITS, "a", "SUCCESS", **FIRST),
        task(WAITS, "b", "SUCCESS", output='{"v":6}'),
        task(WAITS, "c", "WAITING", ended_at=None, waiting="timer", due_at=NOW + 1000),
        task(STOPS, "a", "SUCCESS", **FIRST),
        task(STOPS, "b", "RUNNING", ended_at=None),
    ],
    "fact": [
        fact(DONE, 1, "execution.created"),
        fact(DONE, 2, "execution.finished", body=FINISHED),
        *begun(RUNS),
        *begun(WAITS),
        fact(WAITS, 6, "task.finished", "b", 1, FINISHED),
        fact(WAITS, 7, "task.started", "c", 1),
        fact(WAITS, 8, "task.waiting", "c", 1, f'{{"until":{NOW + 1000}}}'),
        fact(PENDS, 1, "execution.created"),
        *begun(STOPS),
    ],
    "inbox": [
        {"execution": STOPS, "kind": "cancel", "path": "", "attempt": 0, "body": '{"reason":"enough"}'}
    ],
    "record": [{"namespace": "kv", "key": "seen", "value": '"yes"', "expires_at": None}],
}  # fmt: skip


def insert(db, columns):
    """Write the rows; ``columns`` says which a table has."""
    for table, rows in ROWS.items():
        for row in rows:
            names = [name for name in row if name in columns(table)]
            marks = ", ".join([db.param] * len(names))
            quoted = ", ".join(f'"{name}"' for name in names)
            db.execute_sql(
                f'insert into "{table}" ({quoted}) values ({marks})', [row[name] for name in names]
            )


def migrate(db, dialect, last):
    """Apply the migrations up to ``last``."""
    for name in migrations.known():
        if name <= last:
            migrations._apply(db, dialect, name, NOW)


def made(last):
    """A database in memory as a server of that release left it."""
    db = peewee.SqliteDatabase(":memory:")
    db.connect()
    migrate(db, SQLITE, last)
    insert(db, lambda table: {column.name for column in db.get_columns(table)})
    return db.connection()


def restore(last, path):
    """Make a database from a dump."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db:
        db.executescript((HERE / f"{last}.sql").read_text())


if __name__ == "__main__":
    for name in migrations.known():
        file = HERE / f"{name}.sql"
        if not file.exists():
            text = "\n".join(made(name).iterdump())
            file.write_text(f"{HEAD}{text}\n")
            sys.stdout.write(f"{file}\n")
