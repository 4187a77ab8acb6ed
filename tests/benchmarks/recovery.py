"""B8: what a server does about ten thousand open executions whose server was killed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import Databases, Server, chain, report, submit_many

MANY = {"maxConcurrentWorkflows": 100_000, "maxConcurrentTasks": 50}
WAITS = """\
id: waits
inputs: {until: {type: string, required: true}}
tasks:
  before: {type: core/set, inputs: {v: 1}}
  pause: {type: core/wait, needs: before, inputs: {until: "{{ inputs.until }}"}}
  after: {type: core/set, needs: pause, inputs: {v: 2}}
"""


def run(databases: Databases, executions: int) -> None:
    """Kill a server with many queued executions, and one with many that wait."""
    _queued(databases, executions)
    _waiting(databases, executions)


def _queued(databases: Databases, executions: int) -> None:
    """All tasks that may run hang in requests, everything else is running and waits for a place."""
    directory = databases.directory("queued")
    with hanging() as (url, go_on):
        one = Server(directory, databases.fresh(directory), {"execution": MANY, "egress": {"allow": [url]}})
        one.start()
        try:
            client = one.client()
            client.apply(f"id: hangs\ntasks:\n  t: {{type: core/http.get, inputs: {{url: '{url}/'}}}}\n")
            client.apply(chain("c3", 3))
            submit_many([one], "hangs", MANY["maxConcurrentTasks"])
            submit_many([one], "c3", executions)
            one.kill()
            go_on.set()
            _recover(one, "of them queued", executions + MANY["maxConcurrentTasks"])
        finally:
            one.stop()


def _waiting(databases: Databases, executions: int) -> None:
    """All wait for a time that comes while no server runs."""
    directory = databases.directory("waiting")
    one = Server(directory, databases.fresh(directory), {"execution": MANY})
    one.start()
    try:
        one.client().apply(WAITS)
        until = datetime.now(UTC) + timedelta(seconds=20 + executions / 200)
        submit_many([one], "waits", executions, until=until.isoformat())
        while one.client().counts()["WAITING"] < executions:
            time.sleep(0.05)
        if datetime.now(UTC) > until:
            raise SystemExit("it took longer to submit them than they were to wait")
        one.kill()
        time.sleep(max(0.0, (until - datetime.now(UTC)).total_seconds()) + 0.1)
        _recover(one, "waiting for a time that has passed", executions)
    finally:
        one.stop()


def _recover(one: Server, how: str, executions: int) -> None:
    begun = time.perf_counter()
    ready = one.start()
    client = one.client()
    open_then = executions - client.counts()["SUCCESS"]
    client.await_success(executions, 0.02)
    ended = time.perf_counter() - begun
    what = f"{executions} executions open, {how}; kill -9, start"
    report("B8", f"{what}: until ready", "s", [ready], open_when_ready=open_then)
    report("B8", f"{what}: until all have ended", "s", [ended], per_second=round(executions / ended))


@contextmanager
def hanging() -> Iterator[tuple[str, threading.Event]]:
    """A web server on this machine that does not answer until the event is set."""
    go_on = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            go_on.wait()
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as web:
        web.handle_error = lambda *_: None  # type: ignore[method-assign]  # the killed server's connections
        threading.Thread(target=web.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield f"http://127.0.0.1:{web.server_port}", go_on
        finally:
            go_on.set()
            web.shutdown()
