"""Boots systemd with the units of this directory, and tries them.

``sudo python3 deploy/prove_units.py [DIRECTORY]``: the image is built as prove_image.py builds it, systemd is
installed in it, and runs as process 1 of namespaces of its own. The service must start under its hardening,
run a workflow with sandboxed code, and stop cleanly. It needs what roots.py needs, and cgroup v2.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from roots import TOP, WORKFLOW, built, children, filters, run, say

UNITS = TOP / "deploy" / "systemd"
UNIT = "workflow.service"
BOOT = """
set -e
mount --make-rprivate /
mount --bind {root} {root}
mount -t proc proc {root}/proc
mount -t sysfs -o ro sysfs {root}/sys
mount -t cgroup2 none {root}/sys/fs/cgroup
mount -t tmpfs tmpfs {root}/run
mount -t tmpfs tmpfs {root}/tmp
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

    def check(self, *words: str, given: str = "") -> str:
        """The same, and its output; a failure ends the proof, with the journal."""
        done = self.call(*words, given=given)
        if done.returncode:
            journal = self.call("journalctl", "--no-pager", f"--unit={UNIT}", "--lines=30").stdout
            raise SystemExit(f"{words}: exit {done.returncode}\n{done.stdout}{done.stderr}\n{journal}")
        return done.stdout

    def await_up(self) -> None:
        """Wait until systemd takes commands."""
        deadline = time.monotonic() + 60
        while self.call("systemctl", "list-jobs").returncode:
            if time.monotonic() > deadline:
                raise SystemExit("systemd does not come up")
            time.sleep(0.1)


@contextmanager
def booted(root: Path) -> Iterator[Machine]:
    """systemd, running in a root."""
    apart = ["unshare", "--mount", "--net", "--ipc", "--uts", "--pid", "--cgroup", "--fork"]
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
    cli = ["setpriv", "--reuid=workflow", "--regid=workflow", "--clear-groups"]
    cli += ["env", "-i", "--chdir=/var/lib/workflow", "/opt/workflow/bin/workflow"]
    deadline = time.monotonic() + 60
    while machine.call(*cli, "server", "status").returncode and time.monotonic() < deadline:
        time.sleep(0.2)
    machine.check("sh", "-c", "cat > /run/proof.yaml", given=WORKFLOW)
    machine.check(*cli, "workflow", "apply", "/run/proof.yaml")
    ended = json.loads(machine.check(*cli, "workflow", "run", "proof", "--wait", "--json"))
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
    machine.check("systemctl", "stop", UNIT)
    result = machine.check("systemctl", "show", "--property=Result", "--property=ExecMainStatus", UNIT)
    say("stopped:", " ".join(result.split()))
    if "Result=success" not in result or "ExecMainStatus=0" not in result:
        raise SystemExit("it did not stop cleanly")


def _is_server(pid: int) -> bool:
    return b"workflow\0server\0start" in Path(f"/proc/{pid}/cmdline").read_bytes()


def main() -> None:
    """Build, boot and try."""
    with built() as (root, _):
        run("chroot", root, "apt-get", "update", "-qq")
        run("chroot", root, "apt-get", "install", "-qq", "--no-install-recommends", "systemd")
        for unit in UNITS.iterdir():
            shutil.copy(unit, root / "etc/systemd/system")
        with booted(root) as machine:
            prove(machine)
    say("proved")


if __name__ == "__main__":
    main()
