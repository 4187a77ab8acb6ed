"""Starts what compose.yaml says without a container engine, and lets a worker do what the server cannot.

``sudo python deploy/prove_compose.py [DIRECTORY]``: the image is built as prove_image.py builds it. The
service `server`, and `worker` twice, run as compose.yaml says, each with its own namespaces and an address in
a network of their own. The service `database` is Debian's PostgreSQL of the same major release, set up by the
same variables. It needs what roots.py needs, and PyYAML.
"""

from __future__ import annotations

import json
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from containers import Container, Network, Running, network
from dockerfile import Stage
from roots import LABELLED, TOP, built, run, say

#: What an operator writes into .env.
GIVEN = {
    "DATABASE_PASSWORD": "a password % of $ome kind",
    "SECRET_KEY": "cHJvb2YgcHJvb2YgcHJvb2YgcHJvb2YgcHJvb2YgISE=",
}


def filled(text: str) -> str:
    """A value with its ``${NAME}``, ``${NAME:-DEFAULT}`` and ``${NAME:?MESSAGE}`` replaced."""

    def value(match: re.Match[str]) -> str:
        name, default = match[1], match[2]
        if not GIVEN.get(name) and default is None:
            raise SystemExit(f"compose.yaml: {match[0]} is not given")
        return GIVEN.get(name) or default or ""

    return re.sub(r"\$\{(\w+)(?::-([^}]*)|:\?[^}]*)?\}", value, text)


def environment(service: Mapping[str, Any]) -> dict[str, str]:
    """What a service has in its environment."""
    return {name: filled(value) for name, value in service["environment"].items()}


def check_hardening(name: str, service: Mapping[str, Any]) -> None:
    """What ``Container`` does in any case must be what the service asks for."""
    said = [service.get(key) for key in ("read_only", "tmpfs", "cap_drop", "security_opt")]
    if said != [True, ["/tmp"], ["ALL"], ["no-new-privileges:true"]]:
        raise SystemExit(f"compose.yaml: {name} is not run as this proof runs it: {said}")


@contextmanager
def database(home: Path, service: Mapping[str, Any], net: Network) -> Iterator[None]:
    """PostgreSQL of Debian as the service's image would start it, until its health check succeeds."""
    major, suite = re.fullmatch(r"postgres:(\d+)\.\d+-(\w+)", service["image"]).groups()  # type: ignore[union-attr]
    root, known = home / "database", environment(service)
    run("cp", "-a", home / f"base-{suite}", root)
    (root / "run/password").write_text(known["POSTGRES_PASSWORD"])
    user, data = known["POSTGRES_USER"], "/var/lib/postgresql/data"
    programs = f"/usr/lib/postgresql/{major}/bin"
    inside = [
        "chroot", str(root), "env", "-i", f"PATH={programs}:/usr/sbin:/usr/bin:/sbin:/bin",
        "DEBIAN_FRONTEND=noninteractive",
    ]  # fmt: skip
    postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    run(*inside, "apt-get", "update", "-qq")
    # Its own cluster is not wanted, nor a start.
    run(
        *inside,
        "sh",
        "-c",
        "mkdir -p /etc/postgresql-common"
        " && echo create_main_cluster=false > /etc/postgresql-common/createcluster.conf",
    )
    run(*inside, "apt-get", "install", "-qq", "--no-install-recommends", f"postgresql-{major}")
    run(*inside, "sh", "-c", "chown postgres /run/password")
    options = shlex.split(known["POSTGRES_INITDB_ARGS"])
    run(
        *inside,
        *postgres,
        "initdb",
        data,
        f"--username={user}",
        "--pwfile=/run/password",
        "--auth=scram-sha-256",
        "--auth-local=trust",
        *options,
    )
    with (root / data[1:] / "pg_hba.conf").open("a") as file:
        file.write("host all all all scram-sha-256\n")
    started = [*inside, *postgres, "postgres", "-D", data, "-c", "listen_addresses=*"]
    process = subprocess.Popen(net.enter("database", started), stderr=subprocess.DEVNULL)
    try:
        test = service["healthcheck"]["test"]
        deadline = time.monotonic() + 60
        while subprocess.run(
            net.enter("database", [*inside, *test[1:]]), capture_output=True, check=False
        ).returncode:
            if time.monotonic() > deadline:
                raise SystemExit("the database does not become healthy")
            time.sleep(0.2)
        run(*inside, *postgres, "createdb", f"--username={user}", user)
        yield
    finally:
        process.send_signal(signal.SIGINT)
        process.wait()


def container(
    home: Path, built: tuple[Path, Stage], name: str, service: Mapping[str, Any], net: Network
) -> Container:
    """A service that the image is of, with a volume of its own."""
    check_hardening(service["build"], service)
    root, stage = built
    where = step.rest if (step := stage.last("VOLUME")) else ""
    volume = home / f"volume-{name}"
    run("cp", "-a", root / where[1:], volume)  # an engine fills a new volume with what the image has there
    return Container(
        root, stage, environment(service), service.get("command", ()), {where: volume}, net, name
    )


def run_labelled(server: Running) -> None:
    """The server has no such label: whoever runs this, it is not the server."""
    ended = json.loads(server.check("workflow", "workflow", "run", "labelled", "--wait", "--json"))
    say("run on a worker:", ended["state"], json.dumps(ended["outputs"]))
    if ended["outputs"] != {"answer": 42}:
        raise SystemExit("that is not the answer")


def prove(server: Container, workers: list[Container]) -> None:
    """A task waits for a worker, is done by it, and by the other one when that is gone."""
    with server.running() as first:
        first.await_health()
        say("server healthy")
        first.check("sh", "-c", "cat > /tmp/labelled.yaml", given=LABELLED)
        first.check("workflow", "workflow", "apply", "/tmp/labelled.yaml")
        waiting = json.loads(first.check("workflow", "workflow", "run", "labelled", "--json"))["id"]
        with workers[0].running() as one, workers[1].running() as two:
            for worker in (one, two):
                worker.await_health()
            nodes = first.check("workflow", "server", "status")
            say(nodes.strip())
            if nodes.count("worker") < 2:
                raise SystemExit("the workers are not seen")
            run_labelled(first)
            say("what waited:", state := await_end(first, waiting))
            say("SIGTERM to a worker: exit", code := one.stop())
            run_labelled(first)
            say("SIGTERM to the other: exit", other := two.stop())
            say("SIGTERM to the server: exit", last := first.stop())
            if (state, code, other, last) != ("SUCCESS", 0, 0, 0):
                raise SystemExit("that did not go well")


def await_end(server: Running, id: str) -> str:
    """The state of an execution at its end, or after a minute."""
    deadline = time.monotonic() + 60
    while True:
        shown = json.loads(server.check("workflow", "execution", "inspect", id, "--json"))
        if shown["state"] not in ("PENDING", "RUNNING") or time.monotonic() > deadline:
            return str(shown["state"])
        time.sleep(0.2)


def main() -> None:
    """Build, start and try."""
    services = yaml.safe_load((TOP / "compose.yaml").read_text())["services"]
    with built() as image:
        home = image[0].parent
        (image[0] / "etc/hosts").touch()
        services["worker"]["environment"]["WORKFLOW_EXECUTION_LABELS"] = "proof"
        with network(home) as net:
            for name in ("database", "server", "worker-1", "worker-2"):
                net.add(name)
            with database(home, services["database"], net):
                say("database healthy")
                server = container(home, image, "server", services["server"], net)
                names = ("worker-1", "worker-2")
                prove(server, [container(home, image, name, services["worker"], net) for name in names])
    say("proved")


if __name__ == "__main__":
    main()
