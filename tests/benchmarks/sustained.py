"""B6: load that does not end for a minute."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Sequence

from harness import Client, Databases, Server, chain, first_line, percentile, report, resident_memory, server

#: Each waits for its execution before it submits the next; so many requests may wait at the server at once.
CLIENTS = 8
#: Of so many executions the history is read afterwards.
SAMPLE = 2000


def run(databases: Databases, seconds: float) -> None:
    """Eight clients that submit, wait for the end, and submit again, all the time."""
    directory = databases.directory("sustained")
    with server(directory, databases.fresh(directory)) as one:
        one.client().apply(chain("load", 2, speaks=True))
        one.client().run("load")
        memory, sent, ended = _load(one, seconds)
        parts = _per_part(ended, seconds)
        report("B6", f"executions in {seconds:g} s of load, by tenths", "1/s", parts)
        sample = random.Random(1).sample(sorted(sent), min(SAMPLE, len(sent)))
        client = one.client()
        delays = [(first_line(client, id) - sent[id]) * 1000 for id in sample]
        spread = {f"p{share}": round(percentile(delays, share / 100), 3) for share in (50, 99)}
        report("B6", "submission sent to first task running", "ms", delays, **spread)
        report("B6", "memory during the load (RSS)", "MB", memory, course=[round(mb, 1) for mb in memory])


def _load(one: Server, seconds: float) -> tuple[list[float], dict[str, float], list[float]]:
    """Memory by time, when each execution was sent (UTC), and after how many seconds of load each ended."""
    begun, sent, ended = time.monotonic(), dict[str, float](), list[float]()

    def loop(client: Client) -> None:
        while time.monotonic() - begun < seconds:
            at = time.time()
            sent[client.run("load")["id"]] = at
            ended.append(time.monotonic() - begun)

    threads = [threading.Thread(target=loop, args=(one.client(),)) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    memory = [resident_memory(one.pid)]
    while any(thread.is_alive() for thread in threads):
        time.sleep(seconds / 12)
        memory.append(resident_memory(one.pid))
    return memory, sent, ended


def _per_part(ended: Sequence[float], seconds: float) -> list[float]:
    """Executions per second in each tenth of the time."""
    parts = [0] * 10
    for at in ended:
        parts[min(9, int(at / seconds * 10))] += 1
    return [number * 10 / seconds for number in parts]
