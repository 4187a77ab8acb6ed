"""S1 to S9: what sandboxed code costs, measured with real processes.

``python tests/benchmarks/sandbox.py [CALLS]`` prints JSON lines: name, what is measured, median, spread
(lowest, highest, or p99), unit. Each call is a fresh instance with about a kilobyte of JSON in and out.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from wfcore.api import Call, Clock, Context, Limits, Module
from wfcore.config import load
from wfcore.packages.trial.world import World
from wfcore.service.app import open_app
from wfcore_plugins.runtimes.wasm import WasmRuntime

SOURCE = "export default (data) => ({ sum: data.items.reduce((a, b) => a + b.n, 0), items: data.items })"
ASKING = "export default async (data, ctx) => { await ctx.kv.get('k'); return data; }"
INPUTS = {"items": [{"n": n, "name": f"item {n}"} for n in range(40)]}
CONFIG = {"calls": 16, "memory": "2GiB", "idle": "60s", "compileTimeout": "60s"}


@contextmanager
def runtime(data: Path, processes: int) -> Iterator[WasmRuntime]:
    """A runtime with so many processes."""
    context = Context("wasm", logging.getLogger("bench"), cast(Clock, SimpleNamespace()), data)
    made = WasmRuntime({**CONFIG, "processes": processes}, context)
    try:
        yield made
    finally:
        made.stop(5)


def module(of: WasmRuntime, source: str, language: str = "js") -> Module:
    """A module of source text."""
    content = of.module(language, source, f"code.{language}")
    return Module(hashlib.sha256(content).hexdigest(), lambda: content)


def call(of: WasmRuntime, what: Module) -> float:
    """The seconds that one call takes."""
    began = time.perf_counter()
    of.invoke(Call(what, "default", INPUTS, {}, 0, 1, Limits()), lambda request: None, World({}))
    return time.perf_counter() - began


def rate(of: WasmRuntime, what: Module, calls: int, threads: int) -> float:
    """Calls per second of so many callers at once."""
    with ThreadPoolExecutor(threads) as several:
        list(several.map(lambda _: call(of, what), range(threads * 4)))
        began = time.perf_counter()
        list(several.map(lambda _: call(of, what), range(calls)))
        return calls / (time.perf_counter() - began)


def resident(of: WasmRuntime, what: str = "Private_") -> float:
    """MiB of the first process: those that are its own, or with ``Pss:`` its share of all."""
    status = Path(f"/proc/{of._pool.workers()[0].process.pid}/smaps_rollup").read_text()
    return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith(what)) / 1024


def say(name: str, what: str, values: list[float], unit: str, **more: Any) -> None:
    """One line."""
    spread = [round(min(values), 3), round(max(values), 3)]
    line = {"name": name, "what": what, "median": round(statistics.median(values), 3), "spread": spread}
    print(json.dumps({**line, "unit": unit, **more}), flush=True)


def beginnings(data: Path) -> None:
    """S1 and S2: with nothing compiled, and with everything compiled but no process."""
    compiled, typescript, cold = [], [], []
    for _ in range(3):
        shutil.rmtree(data, ignore_errors=True)
        with runtime(data, 1) as one:
            began = time.perf_counter()
            what = module(one, SOURCE)
            compiled.append(time.perf_counter() - began)
            began = time.perf_counter()
            module(one, SOURCE, "ts")
            typescript.append(time.perf_counter() - began)
            cold.append(call(one, what) * 1000)
    say("S1", "first JavaScript module: engine and module compiled", compiled, "s")
    say("S1", "first TypeScript module: stripper compiled, types taken out", typescript, "s")
    say("S2", "first call: a process begins", cold, "ms")


def speeds(data: Path, calls: int) -> None:
    """S3 to S6: with everything there."""
    for processes in (1, 2):
        with runtime(data, processes) as several:
            what, asking = module(several, SOURCE), module(several, ASKING)
            if processes == 1:
                for name, one in (("S3", what), ("S4", asking)):
                    times = sorted(call(several, one) * 1000 for _ in range(calls))
                    title = "one call" if one is what else "one call with one host call"
                    say(name, title, times, "ms", p99=round(times[int(len(times) * 0.99)], 3))
                say("S6", "private memory of an idle process", [resident(several)], "MiB")
                say("S6", "PSS of an idle process", [resident(several, "Pss:")], "MiB")
            rates = [rate(several, what, calls, 8 * processes) for _ in range(3)]
            say("S5", f"calls with {processes} process(es), {8 * processes} callers", rates, "1/s")


def side_by_side(data: Path) -> None:
    """S8: two calls that only compute, against one; the best of five each."""
    source = (
        "export default () => { let n = 0; for (let i = 0; i < 4e6; i++) n = (n * 31 + i) % 65521; return n }"
    )
    with runtime(data, 2) as several, ThreadPoolExecutor(2) as threads:
        what = module(several, source)
        list(threads.map(lambda _: call(several, what), range(4)))

        def timed(count: int) -> float:
            began = time.perf_counter()
            list(threads.map(lambda _: call(several, what), range(count)))
            return time.perf_counter() - began

        one, two = min(timed(1) for _ in range(5)), min(timed(2) for _ in range(5))
    say("S8", "time of two computing calls, as a multiple of one", [two / one], "", one_s=round(one, 3))


def in_the_long_run(data: Path) -> None:
    """S9: what ten thousand calls leave behind in their process."""
    with runtime(data, 1) as one:
        what = module(one, SOURCE)
        sizes = []
        for _ in range(6):
            for _ in range(2000):
                call(one, what)
            sizes.append(resident(one, "Pss:"))
    title = "PSS of a process after each 2 000 calls, but the first"
    say("S9", title, sizes[1:], "MiB", grown=round(sizes[-1] - sizes[1], 2))


def in_the_engine(data: Path) -> None:
    """S7: tasks of code in an application, each claimed, run and committed durably."""
    tasks = "".join(f"  t{n}: {{type: core/code, source: 'export default () => {n}'}}\n" for n in range(40))
    config = load(overrides={"storage.path": str(data / "engine" / "db.sqlite")}, environ={})
    with open_app(config) as app:
        app.workflows.apply(f"id: chain\norder: sequence\ntasks:\n{tasks}".encode(), "chain.yaml")
        times = []
        for _ in range(10):
            began = time.perf_counter()
            record, _ = app.executions.submit("default", "chain", {})
            ended = app.executions.wait_end(record.id, 60)
            assert ended is not None
            assert ended.state == "SUCCESS"
            times.append((time.perf_counter() - began) * 1000 / 40)
    say("S7", "one of 40 tasks in a chain, from claimed to committed", times[1:], "ms")


def main() -> None:
    """Measure in a directory that goes away."""
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    with tempfile.TemporaryDirectory() as place:
        beginnings(Path(place))
        speeds(Path(place), calls)
        in_the_engine(Path(place))
        side_by_side(Path(place))
        in_the_long_run(Path(place))
    print(json.dumps({"cpus": os.cpu_count(), "python": sys.version.split()[0]}))


if __name__ == "__main__":
    main()
