"""B1 to B4: how long light work takes, and how much of it goes through."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

from harness import Client, Databases, Server, chain, fan, first_line, report, server, submit_many, timed

HOOK = "trigger: {webhook: {path: /bench, method: POST, auth: none, respond: result}}"


def run(databases: Databases, rounds: int) -> None:
    """Measure on one server."""
    directory = databases.directory("light")
    with server(directory, databases.fresh(directory)) as one:
        client = one.client()
        for source in (chain("b1", 40), fan("b2", 40), chain("c3", 3), chain("hook", 2, HOOK, speaks=True)):
            client.apply(source)
        client.run("b1")
        for name, workflow, what in (
            ("B1", "b1", "chain of 40 light tasks"),
            ("B2", "b2", "40 parallel tasks and a join"),
        ):
            report(name, what, "s", [timed(partial(client.run, workflow)) for _ in range(rounds)])
        rates = [burst([one], "c3", 200) for _ in range(max(3, rounds // 4))]
        report("B3", "200 executions of a 3-task chain at once", "1/s", rates)
        rates = [batch(one, "c3", 200) for _ in range(max(3, rounds // 4))]
        report("B3", "the same, submitted by one request", "1/s", rates)
        started, completed = webhook(client, rounds * 5)
        report("B4", "webhook sent to first task running", "ms", started)
        report("B4", "webhook sent to completed, sequential", "ms", completed)


def burst(servers: list[Server], workflow: str, number: int) -> float:
    """Submit executions at once and wait until all have ended; executions per second."""
    return _rate(servers[0].client(), number, lambda _: submit_many(servers, workflow, number))


def batch(server: Server, workflow: str, number: int) -> float:
    """The same, submitted by one request."""

    def submit(client: Client) -> None:
        client.await_end(client.submit_batch(workflow, number))  # one of the last to end

    return _rate(server.client(), number, submit)


def _rate(client: Client, number: int, submit: Callable[[Client], None]) -> float:
    before = client.counts()["SUCCESS"]
    begun = time.perf_counter()
    submit(client)
    client.await_idle()
    seconds = time.perf_counter() - begun
    client.await_success(before + number)
    return number / seconds


def webhook(client: Client, rounds: int) -> tuple[list[float], list[float]]:
    """Milliseconds until the first task runs, by its line in the log, and until the answer is here."""
    sent, completed = [], []
    for _ in range(rounds):
        sent.append(time.time())
        seconds = timed(lambda: client.call("POST", "/hooks/bench", b"{}"))
        completed.append(seconds * 1000)
    listed = client.call("GET", f"/api/v1/executions?workflow=hook&limit={min(rounds, 1000)}")["executions"]
    latest = sent[: -len(listed) - 1 : -1]
    started = [(first_line(client, one["id"]) - at) * 1000 for one, at in zip(listed, latest, strict=True)]
    return started, completed
