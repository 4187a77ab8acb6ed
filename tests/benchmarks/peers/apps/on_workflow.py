"""The product in an application of its own: ``on_workflow.py CONFIGURATION``, then lines as for on_dbos."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from harness import OPEN, chain, fan

from wfcore.config import load
from wfcore.engine.dispatch import Request
from wfcore.model.records import ExecutionQuery
from wfcore.service.app import App, open_app


def run(app: App, workflow: str) -> float:
    """Seconds to its end."""
    begun = time.perf_counter()
    record, _ = app.executions.submit("default", workflow, {})
    _await(app, record.id)
    return time.perf_counter() - begun


def burst(app: App, number: int) -> float:
    """Executions per second of so many at once."""

    def submit(_: int) -> str:
        return app.executions.submit("default", "short", {})[0].id

    with ThreadPoolExecutor(16) as several:
        return _rate(app, number, lambda: list(several.map(submit, range(number))))


def batch(app: App, number: int) -> float:
    """The same, begun by one call."""
    asked = [Request("default", "short")] * number

    def begin() -> list[str]:
        begun = app.executions.begin([app.executions.prepare(each) for each in asked])
        return [record.id for record, _ in begun]

    return _rate(app, number, begin)


def _rate(app: App, number: int, begin: Callable[[], list[str]]) -> float:
    """``begin`` gives the ids; that of one of the last to end comes last."""
    ended = app.storage.counts().get("SUCCESS", 0)
    begun = time.perf_counter()
    _await(app, begin()[-1])
    while app.storage.executions(ExecutionQuery(states=tuple(OPEN), limit=1)):
        time.sleep(0.001)
    seconds = time.perf_counter() - begun
    if app.storage.counts()["SUCCESS"] != ended + number:
        raise SystemExit(f"not all have succeeded: {app.storage.counts()}")
    return number / seconds


def _await(app: App, id: str) -> None:
    ended = app.executions.wait_end(id, 300)
    if ended is None or ended.state != "SUCCESS":
        raise SystemExit(f"{id} ended as {ended and ended.state}")


def main() -> None:
    """Answer each line."""
    with open_app(load(overrides=json.loads(sys.argv[1]), environ={})) as app:
        for source in (chain("chain", 40), fan("fan", 40), chain("short", 3)):
            app.workflows.apply(source.encode(), "bench.yaml")
        for line in sys.stdin:
            word, *rest = line.split()
            match word:
                case "ready":
                    answer = 0.0
                case "burst":
                    answer = burst(app, int(rest[0]))
                case "batch":
                    answer = batch(app, int(rest[0]))
                case _:
                    answer = run(app, word)
            print(json.dumps(answer), flush=True)


main()
