"""Executes the Dockerfile without a container engine, and tries what comes out of it.

``sudo python3 deploy/prove_image.py [DIRECTORY]``: each stage is a Debian of its own, made by debootstrap in
the directory (by default a temporary one), and the instructions of the Dockerfile are executed in it.
Then the server starts as the image says: as its user, with a read-only root, no capabilities, no network but
its own, and as process number 1. It must become healthy, run a workflow with sandboxed code, stop on SIGTERM,
and have its data when it starts again. What it needs, roots.py says.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from dockerfile import Stage
from roots import PLAIN, WORKFLOW, built, children, filters, say

#: What nobody should find in an image that runs in production.
TOOLS = ("cc", "gcc", "clang", "zig", "make", "npm", "node", "git")


class Container:
    """The last stage's root, run as a hardened container is."""

    def __init__(self, root: Path, stage: Stage) -> None:
        self.root = root
        self.known = stage.environment(dict(PLAIN))
        self.user, self.where = (
            step.rest if (step := stage.last(word)) else "" for word in ("USER", "WORKDIR")
        )
        self.volumes = [step.rest for step in stage.steps if step.word == "VOLUME"]
        self.command = [
            word for one in ("ENTRYPOINT", "CMD") if (step := stage.last(one)) for word in step.arguments
        ]
        health = stage.last("HEALTHCHECK")
        self.health = json.loads(health.rest.removeprefix("CMD ")) if health else []

    def argv(self, words: Sequence[str]) -> list[str]:
        """A command as the image's user in its root, without any capability."""
        passwd = next(
            line.split(":")
            for line in (self.root / "etc/passwd").read_text().splitlines()
            if line.startswith(f"{self.user}:")
        )
        bare = ["setpriv", f"--reuid={passwd[2]}", f"--regid={passwd[3]}", "--clear-groups"]
        bare += ["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
        pairs = [f"{name}={value}" for name, value in {**self.known, "HOME": passwd[5]}.items()]
        started = [
            *bare,
            "env",
            "-i",
            f"--chdir={self.where}",
            *pairs,
        ]
        return ["chroot", str(self.root), *started, *words]

    @contextmanager
    def running(self) -> Iterator[Running]:
        """The server, with namespaces of its own."""
        mounts = [f"mount --bind {self.root} {self.root}"]
        mounts += [f"mount --bind {self.root}{volume} {self.root}{volume}" for volume in self.volumes]
        mounts += [
            f"mount -o remount,bind,ro {self.root}", f"mount -t tmpfs tmpfs {self.root}/tmp",
            f"mount -t proc proc {self.root}/proc", "ip link set lo up",
        ]  # fmt: skip
        script = " && ".join([*mounts, f"exec {shlex.join(self.argv(self.command))}"])
        apart = ["unshare", "--mount", "--net", "--ipc", "--uts", "--pid", "--fork", "--kill-child"]
        outer = subprocess.Popen([*apart, "sh", "-c", script])
        started = Running(self, outer)
        try:
            yield started
        finally:
            if outer.poll() is None:
                os.kill(started.first, signal.SIGKILL)
            outer.wait()


def _said(stage: Stage, word: str) -> str:
    """What the last instruction with that word says. Raises SystemExit where there is none."""
    step = stage.last(word)
    if step is None:
        raise SystemExit(f"the last stage has no {word}")
    return step.rest


class Running:
    """A container that runs; its first process is ``outer``'s child."""

    def __init__(self, container: Container, outer: subprocess.Popen[bytes]) -> None:
        self._container, self._outer = container, outer

    @property
    def first(self) -> int:
        """The number, out here, of its process number 1."""
        listed = Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children")
        while self._outer.poll() is None:
            if children := listed.read_text().split():
                return int(children[0])
            time.sleep(0.01)
        raise SystemExit(f"the server has ended with {self._outer.returncode}")

    def call(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command beside the server."""
        enter = ["nsenter", f"--target={self.first}", "--mount", "--net", "--pid", "--ipc", "--uts"]
        command = [*enter, *self._container.argv(words)]
        return subprocess.run(command, input=given, text=True, capture_output=True, timeout=60, check=False)

    def check(self, *words: str, given: str = "") -> str:
        """The same, and its output; a failure ends the proof."""
        done = self.call(*words, given=given)
        if done.returncode:
            raise SystemExit(f"{shlex.join(words)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def await_health(self, seconds: float = 60) -> None:
        """Wait until the image's own health check succeeds."""
        deadline = time.monotonic() + seconds
        while (done := self.call(*self._container.health)).returncode:
            if time.monotonic() > deadline:
                raise SystemExit(f"it does not become healthy: {done.stdout}{done.stderr}")
            time.sleep(0.2)

    def stop(self) -> int:
        """SIGTERM, as an engine sends it; the exit code."""
        os.kill(self.first, signal.SIGTERM)
        return self._outer.wait(30)


READY = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:7233/readyz').read().decode())"


def prove(container: Container) -> None:
    """Try what the image is for."""
    found = [tool for tool in TOOLS if shutil.which(tool, path=_paths(container))]
    if found:
        raise SystemExit(f"the last stage has build tools: {', '.join(found)}")
    with container.running() as server:
        server.await_health()
        say("healthy:", server.check("python", "-c", READY).strip())
        status = Path(f"/proc/{server.first}/status").read_text()
        facts = re.findall(r"^(Uid|CapEff|CapBnd|NoNewPrivs):\s+(.*)$", status, re.M)
        say("process 1:", "; ".join(f"{name} {' '.join(value.split())}" for name, value in facts))
        server.check("sh", "-c", "cat > /tmp/proof.yaml", given=WORKFLOW)
        server.check("workflow", "workflow", "apply", "/tmp/proof.yaml")
        ended = json.loads(server.check("workflow", "workflow", "run", "proof", "--wait", "--json"))
        say("run:", ended["state"], json.dumps(ended["outputs"]))
        if ended["outputs"] != {"answer": 84}:
            raise SystemExit("that is not the answer")
        added = [filters(child) - filters(server.first) for child in children(server.first)]
        say("sandbox processes and their filters of system calls:", added)
        if not added or min(added) < 1:
            raise SystemExit("a sandbox process has no filter of system calls")
        if server.call("touch", "/opt/workflow/x").returncode == 0:
            raise SystemExit("the root can be written to")
        code = server.stop()
        say("SIGTERM: exit", code)
        if code:
            raise SystemExit("it did not stop cleanly")
    with container.running() as server:
        server.await_health()
        kept = json.loads(server.check("workflow", "execution", "list", "--json"))
        say("after another start:", [one["state"] for one in kept["executions"]])
        server.stop()


def _paths(container: Container) -> str:
    return os.pathsep.join(f"{container.root}{path}" for path in container.known["PATH"].split(":"))


def main() -> None:
    """Build and try."""
    with built() as (root, stage):
        size = subprocess.check_output(["du", "-sm", root / "opt/workflow"], text=True)
        say("built; /opt/workflow has", size.split()[0], "MB")
        prove(Container(root, stage))
    say("proved")


if __name__ == "__main__":
    main()
