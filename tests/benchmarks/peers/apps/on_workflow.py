"""The product in an application of its own: ``on_workflow.py CONFIGURATION``, then lines as for on_dbos."""

from __future__ import annotations

import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from harness import chain, fan

from wfcore.config import load
from wfcore.engine.dispatch import Request
from wfcore.service.app import App, open_app


def run(app: App, workflow: str) -> float:
    """Seconds to its end."""
    begun = time.perf_counter()
    record, _ = app.executions.submit("default", workflow, {})
    _await(app, record.id)
    return time.perf_counter() - begun


def burst(app: App, number: int) -> float:
    """Executions per second of so many at once."""
    ended = app.storage.counts().get("SUCCESS", 0)
    with ThreadPoolExecutor(16) as several:
        begun = time.perf_counter()
        ids = list(several.map(lambda _: app.executions.submit("default", "short", {})[0].id, range(number)))
        _await_all(app, ids[-1], ended + number)
        return number / (time.perf_counter() - begun)


def batch(app: App, number: int) -> float:
    """The same, begun by one call."""
    ended = app.storage.counts().get("SUCCESS", 0)
    begun = time.perf_counter()
    records = app.executions.begin(
        [app.executions.prepare(asked) for asked in [Request("default", "short")] * number]
    )
    _await_all(app, records[-1][0].id, ended + number)
    return number / (time.perf_counter() - begun)


def _await_all(app: App, late: str, number: int) -> None:
    """Wait for one of the last to end, and until so many have succeeded."""
    _await(app, late)
    while app.storage.counts()["SUCCESS"] < number:
        time.sleep(0.001)


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
