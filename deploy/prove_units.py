"""Boots systemd with the units of this directory, and tries them.

``sudo python3 deploy/prove_units.py [DIRECTORY]``: the image is built as prove_image.py builds it, systemd is
installed in it, and runs as process 1 of namespaces of its own. The service must start under its hardening,
run a workflow with sandboxed code, and stop cleanly. Then there are two such machines in a network of their
own: one has a PostgreSQL and the server, the other one the worker, which must run what the server cannot. The
password of the database is a credential of systemd. It needs what roots.py needs, and cgroup v2.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from containers import Network, network
from roots import LABELLED, TOP, WORKFLOW, built, children, filters, run, say

UNITS = TOP / "deploy" / "systemd"
UNIT = "workflow.service"
WORKER = "workflow-worker.service"
#: As docs/how-to/run-in-production.md has it.
CREDENTIAL = """\
[Service]
LoadCredential=database-password:/etc/workflow/database-password
Environment=WORKFLOW_STORAGE_PASSWORD_FILE=%d/database-password
"""
CLI = [
    "setpriv", "--reuid=workflow", "--regid=workflow", "--clear-groups",
    "env", "-i", "--chdir=/var/lib/workflow", "/opt/workflow/bin/workflow",
]  # fmt: skip
BOOT = """
set -e
mount --make-rprivate /
mount --bind {root} {root}
mount -t proc proc {root}/proc
mount -t sysfs -o ro sysfs {root}/sys
mount -t cgroup2 none {root}/sys/fs/cgroup
mount -t tmpfs tmpfs {root}/run
mount -t tmpfs tmpfs {root}/tmp
mount --make-rshared {root}
ip link set lo up
exec env -i container=proof PATH=$PATH chroot {root} /usr/lib/systemd/systemd --system --unit=basic.target
"""


class Machine:
    """A root with systemd as process 1; ``first`` is its number out here."""

    def __init__(self, outer: subprocess.Popen[bytes]) -> None:
        self._outer = outer

    @property
    def first(self) -> int:
        """The number, out here, of its process number 1."""
        while self._outer.poll() is None:
            if found := children(self._outer.pid):
                return found[0]
            time.sleep(0.01)
        raise SystemExit(f"systemd has ended with {self._outer.returncode}")

    def call(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command in it."""
        enter = ["nsenter", f"--target={self.first}", "--all", "--root", "--wd", *words]
        return subprocess.run(enter, input=given, text=True, capture_output=True, timeout=60, check=False)

    def write(self, file: str, content: str, mode: str = "0644") -> None:
        """Make a file of root's in it."""
        self.check("install", "-D", f"--mode={mode}", "/dev/stdin", file, given=content)

    def check(self, *words: str, given: str = "") -> str:
        """The same, and its output; a failure ends the proof, with the journal."""
        done = self.call(*words, given=given)
        if done.returncode:
            journal = self.call("journalctl", "--no-pager", "--unit=workflow*", "--lines=40").stdout
            raise SystemExit(f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}\n{journal}")
        return done.stdout

    def await_ready(self, seconds: float = 60) -> None:
        """Wait until the server in it answers."""
        deadline = time.monotonic() + seconds
        while self.call(*CLI, "server", "status").returncode and time.monotonic() < deadline:
            time.sleep(0.2)
        self.check(*CLI, "server", "status")

    def stop(self, unit: str) -> None:
        """Stop a unit, which must end well."""
        self.check("systemctl", "stop", unit)
        result = self.check("systemctl", "show", "--property=Result", "--property=ExecMainStatus", unit)
        say(unit, "stopped:", " ".join(result.split()))
        if "Result=success" not in result or "ExecMainStatus=0" not in result:
            raise SystemExit("it did not stop cleanly")

    def await_up(self) -> None:
        """Wait until systemd takes commands."""
        deadline = time.monotonic() + 60
        while self.call("systemctl", "list-jobs").returncode:
            if time.monotonic() > deadline:
                raise SystemExit("systemd does not come up")
            time.sleep(0.1)


@contextmanager
def booted(root: Path, name: str = "machine", net: Network | None = None) -> Iterator[Machine]:
    """systemd, running in a root."""
    (root / "etc/hostname").write_text(f"{name}\n")
    apart = ["unshare", "--mount", "--ipc", "--uts", "--pid", "--cgroup", "--fork"]
    apart = net.enter(name, apart) if net else [*apart, "--net"]
    outer = subprocess.Popen([*apart, "sh", "-c", BOOT.format(root=root)], stdin=subprocess.DEVNULL)
    machine = Machine(outer)
    try:
        machine.await_up()
        yield machine
    finally:
        if outer.poll() is None:
            os.kill(machine.first, signal.SIGKILL)
        outer.wait()


def prove(machine: Machine) -> None:
    """Start the service, let it work, stop it."""
    machine.check("systemctl", "start", UNIT)
    number = int(machine.check("systemctl", "show", "--property=MainPID", "--value", UNIT))
    say(UNIT, "runs as process", number)
    machine.await_ready()
    machine.check("sh", "-c", "cat > /run/proof.yaml", given=WORKFLOW)
    machine.check(*CLI, "workflow", "apply", "/run/proof.yaml")
    ended = json.loads(machine.check(*CLI, "workflow", "run", "proof", "--wait", "--json"))
    say("run:", ended["state"], json.dumps(ended["outputs"]))
    if ended["outputs"] != {"answer": 84}:
        raise SystemExit("that is not the answer")
    server = next(child for child in children(machine.first) if _is_server(child))
    status = Path(f"/proc/{server}/status").read_text()
    facts = re.findall(r"^(Uid|CapBnd|NoNewPrivs|Seccomp_filters):\s+(.*)$", status, re.M)
    say("server:", "; ".join(f"{name} {' '.join(value.split())}" for name, value in facts))
    added = [filters(child) - filters(server) for child in children(server)]
    say("sandbox processes and the filters of system calls that they add:", added)
    if not added or min(added) < 1:
        raise SystemExit("a sandbox process has no filter of its own")
    machine.stop(UNIT)


def _is_server(pid: int) -> bool:
    return b"workflow\0server\0start" in Path(f"/proc/{pid}/cmdline").read_bytes()


def set_up_database(machine: Machine, password: str) -> None:
    """What docs/how-to/use-postgresql.md says, on Debian's PostgreSQL, which listens beyond its machine."""
    found = machine.check("sh", "-c", "ls -d /etc/postgresql/*/main").strip()
    machine.write(f"{found}/conf.d/proof.conf", "listen_addresses = '*'\n")
    machine.check(
        "sh", "-c", f"echo host workflow workflow 10.72.33.0/24 scram-sha-256 >> {found}/pg_hba.conf"
    )
    machine.check("systemctl", "restart", f"postgresql@{Path(found).parent.name}-main")
    psql = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    machine.check(*psql, "psql", "--quiet", given=f"create role workflow login password '{password}';\n")
    create = ("createdb", "--owner=workflow", "--encoding=UTF8", "--template=template0", "workflow")
    machine.check(*psql, *create)


def configure(machine: Machine, unit: str, password: str, address: str, labels: list[str]) -> None:
    """Let the unit's server use the database at that address."""
    settings = {
        "dataDir": "/var/lib/workflow/data",
        "storage": {"type": "postgres", "url": f"postgres://workflow@{address}/workflow"},
        "execution": {"labels": labels},
    }
    machine.write("/etc/workflow/config.yaml", json.dumps(settings))
    machine.write("/etc/workflow/database-password", password, "0600")
    machine.write(f"/etc/systemd/system/{unit}.d/override.conf", CREDENTIAL)
    machine.check("systemctl", "daemon-reload")


def prove_worker(home: Machine, away: Machine, address: str) -> None:
    """A task that the server cannot run is run by the worker on the other machine."""
    password = secrets.token_hex(24)
    set_up_database(home, password)
    for machine, unit, labels in ((home, UNIT, []), (away, WORKER, ["proof"])):
        configure(machine, unit, password, address, labels)
        machine.check("systemctl", "start", unit)
        machine.await_ready()
    say(home.check(*CLI, "server", "status").strip())
    home.write("/run/labelled.yaml", LABELLED)
    home.check(*CLI, "workflow", "apply", "/run/labelled.yaml")
    ended = json.loads(home.check(*CLI, "workflow", "run", "labelled", "--wait", "--json"))
    say("run on the worker:", ended["state"], json.dumps(ended["outputs"]))
    if ended["outputs"] != {"answer": 42}:
        raise SystemExit("that is not the answer")
    server = next(child for child in children(away.first) if _is_server(child))
    added = [filters(child) - filters(server) for child in children(server)]
    say("the worker's sandbox processes and the filters that they add:", added)
    if not added or min(added) < 1:
        raise SystemExit("the worker has not run it in a sandbox")
    away.stop(WORKER)
    home.stop(UNIT)


def main() -> None:
    """Build, boot and try."""
    with built() as (root, _):
        run("chroot", root, "apt-get", "update", "-qq")
        install = ("chroot", root, "env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "install", "-qq")
        run(*install, "--no-install-recommends", "systemd")
        for unit in UNITS.iterdir():
            shutil.copy(unit, root / "etc/systemd/system")
        other = root.with_name("worker")
        run("cp", "-a", root, other)
        with booted(root) as machine:
            prove(machine)
        run(*install, "--no-install-recommends", "postgresql")
        with network(root.parent) as net:
            address = net.add("server")
            net.add("worker")
            with booted(root, "server", net) as home, booted(other, "worker", net) as away:
                prove_worker(home, away, address)
    say("proved")


if __name__ == "__main__":
    main()
