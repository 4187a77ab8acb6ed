"""The same work on this product and on engines that install_peers.py has installed, by turns in one run.

``compare.py [NAME…] [--home DIRECTORY] [--rounds N] [--postgres]`` prints JSON lines: for each engine the
medians and spreads, then ratios. Every engine is started before the first round, and in each round each is
asked in its turn, so that what disturbs the machine disturbs all. ``bare`` is the least that durable steps
cost, ``http`` the least that the product's requests cost, with nothing done for them. The others let as many
executions and tasks run as are asked for, and so does this engine here: its limits are set to 200.

B1 is a chain of 40 light tasks, B2 40 parallel ones and a join, B3 200 executions of a chain of 3 at once,
B3b the same submitted by one request, which is compared with B3 of an engine that has none for that, B4 one
such chain from submission to its end, and memory that of all processes of an idle engine (PSS).
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import bare
from harness import Databases, databases, report
from install_peers import DEFAULT
from peers.base import CHAIN, SHORT, Peer
from peers.dbos import Dbos
from peers.embedded import Embedded
from peers.http import Http
from peers.n8n import N8n
from peers.prefect import Prefect
from peers.product import Product
from peers.restate import Restate

BURST = 200
#: In each round: of B1 and B2, of B3 and B3b, chains of three that are timed; at once for a slow engine.
REPEATS, BURSTS, SINGLES, FEW = 5, 3, 20, 20
SLOW = ("prefect",)
#: What shows that install_peers.py has installed an engine.
INSTALLED = {
    "dbos": "dbos/venv",
    "restate": "restate/venv",
    "n8n": "n8n/node_modules/.bin/n8n",
    "prefect": "prefect/venv",
}


class Bare(Peer):
    """The bare shape, as if it were an engine."""

    name = "bare"
    _number = 0

    def start(self) -> None:
        """There is nothing to start."""

    def run(self, workflow: str) -> float:
        """See Peer; it has no join."""
        if workflow == "fan":
            raise NotImplementedError
        return bare.run(self._file(), 1, CHAIN if workflow == "chain" else SHORT)

    def burst(self, number: int) -> float:
        """See Peer."""
        return number / bare.run(self._file(), number, SHORT)

    def _file(self) -> Path:
        self._number += 1
        return self.home / f"{self._number}.sqlite"


def peers(storages: list[Databases], installed: Path, names: set[str]) -> Iterator[Peer]:
    """The product, the engines of these names, and what they are measured against."""
    home = storages[0].directory
    for databases_ in storages:
        directory = home(f"workflow-{databases_.kind}")
        yield Product(directory, databases_.fresh(directory), BURST)
        directory = home(f"embedded-{databases_.kind}")
        yield Embedded(directory, databases_.fresh(directory), BURST)
        if "dbos" in names:
            directory = home(f"dbos-{databases_.kind}")
            yield Dbos(directory, installed, databases_.fresh(directory))
    if "restate" in names:
        yield Restate(home("restate"), installed)
    if "n8n" in names:
        yield N8n(home("n8n"), installed, progress=False)
        yield N8n(home("n8n-each-step-saved"), installed, progress=True)
    if "prefect" in names:
        yield Prefect(home("prefect"), installed)
    yield Bare(home("bare"))
    yield Http(home("http"))


def measure(peer: Peer, found: dict[str, list[float]]) -> None:
    """One round of one engine."""
    slow = peer.name in SLOW
    size, bursts = (FEW, 1) if slow else (BURST, BURSTS)
    asked: list[tuple[str, Callable[[], list[float]]]] = [
        ("B1", lambda: [peer.run("chain") for _ in range(1 if slow else REPEATS)]),
        ("B2", lambda: [peer.run("fan") for _ in range(1 if slow else REPEATS)]),
        ("B3", lambda: [peer.burst(size) for _ in range(bursts)]),
        ("B3b", lambda: [peer.batch(size) for _ in range(bursts)]),
        ("B4", lambda: [peer.run("short") * 1000 for _ in range(SINGLES)]),
    ]
    for name, ask in asked:
        with suppress(NotImplementedError):  # and then there is no list
            numbers = ask()
            found[name].extend(numbers)


UNITS = {"B1": "s", "B2": "s", "B3": "1/s", "B3b": "1/s", "B4": "ms", "idle": "MB"}


def main() -> None:
    """Start all, ask all, print."""
    parser = argparse.ArgumentParser(description="Compare with other engines.")
    listed = ", ".join(INSTALLED)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {listed}; those installed by default")
    parser.add_argument(
        "--home", type=Path, default=DEFAULT, help="where install_peers.py has installed them"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--postgres", action="store_true", help="also the product and DBOS on PostgreSQL")
    given = parser.parse_args()
    if unknown := set(given.names) - set(INSTALLED):
        parser.error(f"there is no engine {', '.join(sorted(unknown))}, but {listed}")
    installed = {name for name, path in INSTALLED.items() if (given.home / path).exists()}
    if missing := " ".join(sorted(set(given.names) - installed)):
        parser.error(f"not installed: {missing}; run install_peers.py {given.home} {missing} first")
    if given.rounds < 1:
        parser.error("--rounds is 1 or more")
    print(json.dumps({"cpus": os.cpu_count(), "python": platform.python_version()}), flush=True)
    found: dict[str, dict[str, list[float]]] = {}
    with ExitStack() as stack:
        storages = [stack.enter_context(databases("sqlite"))]
        if given.postgres:
            storages.append(stack.enter_context(databases("postgres")))
        running = []
        for peer in peers(storages, given.home, set(given.names) or installed):
            stack.callback(peer.stop)
            peer.start()
            found[peer.name] = defaultdict(list)
            if not isinstance(peer, Bare):
                found[peer.name]["idle"] = [peer.memory()]
            peer.run("short")
            running.append(peer)
        for _ in range(given.rounds):
            for peer in running:
                measure(peer, found[peer.name])
    for name, values in found.items():
        for what, numbers in sorted(values.items()):
            report(what, name, UNITS[what], numbers)
    _ratios(
        {name: {what: statistics.median(v) for what, v in values.items()} for name, values in found.items()}
    )


def _ratios(medians: dict[str, dict[str, float]]) -> None:
    """The product's median as a multiple of each other's, on the same storage where there is a choice.

    ``embedded`` is the product without its server: only with libraries is that like to like.
    """
    for name, values in medians.items():
        storage = "postgres" if name.endswith("-postgres") else "sqlite"
        for ours in ("workflow", "embedded"):
            against = name.split("-")[0]
            if against in ("workflow", ours):
                continue
            mine, theirs = medians[f"{ours}-{storage}"], {"B3b": values["B3"], **values}
            ratios = {
                what: float(f"{mine[what] / value:.3g}")
                for what, value in sorted(theirs.items())
                if what in mine
            }
            print(json.dumps({"name": "ratio", "what": f"{ours} / {name}", **ratios}), flush=True)


if __name__ == "__main__":
    main()
