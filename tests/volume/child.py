"""Runs one large execution in a process of its own and tells its cost: ``child.py DIR SHAPE COUNT``."""

import json
import logging
import re
import sys
from pathlib import Path

from wfcore.config import load
from wfcore.service.app import open_app
from wfcore_plugins.storage.sqlite import SqliteStorage

WIDTH = 100


def needs(shape, number):
    """What the task of that number needs."""
    if shape == "deep":
        return [number - 1] if number else []
    if shape == "wide" or number < WIDTH:
        return []
    above = (number // WIDTH - 1) * WIDTH
    return [above + (number + step * 7) % WIDTH for step in range(3)]


def source(shape, count):
    """A workflow of so many tasks: all at once, one after the other, or in layers of a hundred."""
    lines = ["id: large", "tasks:"]
    for number in range(count):
        names = ", ".join(f"t{need}" for need in needs(shape, number))
        lines.append(f"  t{number}: {{type: core/set, needs: [{names}], inputs: {{v: {number}}}}}")
    return "\n".join(lines).encode()


class Counted(SqliteStorage):
    """Counts statements and transactions."""

    statements = transactions = 0

    def __init__(self, config, context):
        super().__init__(config, context)
        self.trace = self.count

    def count(self, statement):
        Counted.statements += 1
        Counted.transactions += statement.startswith("begin")


def peak():
    """The most memory this process ever had, in MB."""
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024


def main(directory, shape, count):
    from wfcore_plugins.storage import sqlite

    sqlite.SqliteStorage = Counted
    logging.disable(logging.WARNING)
    config = load(environ={}, overrides={"storage.path": f"{directory}/db.sqlite"})
    with open_app(config) as app:
        app.workflows.apply(source(shape, count), "large.yaml")
        Counted.statements = Counted.transactions = 0
        id = app.executions.submit("default", "large", {})[0].id
        app.executions.wait_end(id, 100)
        statements, transactions = Counted.statements, Counted.transactions
        found = app.executions.describe(id)
        facts = app.storage.facts(id, limit=10 * count)
    order = [fact.path for fact in facts if fact.kind == "task.started"]
    places = {path: place for place, path in enumerate(order)}
    wrong = sum(
        places[f"t{need}"] > places[f"t{number}"] for number in range(count) for need in needs(shape, number)
    )
    told = {
        "state": found["state"],
        "succeeded": sum(task["state"] == "SUCCESS" for task in found["tasks"]),
        "outputs": sum(task["output"]["v"] == int(task["path"][1:]) for task in found["tasks"]),
        "gapless": [fact.seq for fact in facts] == list(range(1, len(facts) + 1)),
        "wrong": wrong,
        "statements": statements / count,
        "transactions": transactions / count,
        "megabytes": round(peak()),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
