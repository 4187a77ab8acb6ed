"""Runs a stage's root as a hardened container runs: alone, or in a network with others that know its name."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from dockerfile import Stage
from roots import PLAIN, children, run


@dataclass
class Container:
    """The last stage's root; what is mounted on its volumes, and what an engine is told beside the image."""

    root: Path
    stage: Stage
    environment: Mapping[str, str] = field(default_factory=dict)
    told: Sequence[str] = ()  #: instead of CMD
    volumes: Mapping[str, Path] = field(default_factory=dict)
    network: Network | None = None
    name: str = ""

    def _said(self, word: str) -> str:
        return step.rest if (step := self.stage.last(word)) else ""

    def _words(self, word: str) -> list[str]:
        return step.arguments if (step := self.stage.last(word)) else []

    @property
    def known(self) -> dict[str, str]:
        """Its environment."""
        return self.stage.environment(dict(PLAIN)) | dict(self.environment)

    @property
    def command(self) -> list[str]:
        """What its first process is."""
        return [*self._words("ENTRYPOINT"), *(self.told or self._words("CMD"))]

    @property
    def health(self) -> list[str]:
        """The health check of the image."""
        return list(json.loads(self._said("HEALTHCHECK").removeprefix("CMD ")))

    def argv(self, words: Sequence[str]) -> list[str]:
        """A command as the image's user in its root, without any capability."""
        passwd = next(
            line.split(":")
            for line in (self.root / "etc/passwd").read_text().splitlines()
            if line.startswith(f"{self._said('USER')}:")
        )
        bare = ["setpriv", f"--reuid={passwd[2]}", f"--regid={passwd[3]}", "--clear-groups"]
        bare += ["--no-new-privs", "--inh-caps=-all", "--bounding-set=-all"]
        pairs = [f"{name}={value}" for name, value in {**self.known, "HOME": passwd[5]}.items()]
        started = [*bare, "env", "-i", f"--chdir={self._said('WORKDIR')}", *pairs]
        return ["chroot", str(self.root), *started, *words]

    @contextmanager
    def running(self) -> Iterator[Running]:
        """Its first process, with namespaces of its own."""
        root = self.root
        mounts = [f"mount --bind {root} {root}"]
        for step in self.stage.steps:
            if step.word == "VOLUME":
                mounts += [
                    f"mount --bind {self.volumes.get(step.rest, f'{root}{step.rest}')} {root}{step.rest}"
                ]
        mounts += [
            f"mount -o remount,bind,ro {root}", f"mount -t tmpfs tmpfs {root}/tmp",
            f"mount -t proc proc {root}/proc",
        ]  # fmt: skip
        if self.network is None:
            mounts += ["ip link set lo up"]
        else:
            mounts += [f"mount --bind {self.network.hosts} {root}/etc/hosts", f"hostname {self.name}"]
        script = " && ".join([*mounts, f"exec {shlex.join(self.argv(self.command))}"])
        apart = ["unshare", "--mount", "--ipc", "--uts", "--pid", "--fork", "--kill-child"]
        apart = self.network.enter(self.name, apart) if self.network else [*apart, "--net"]
        with _first(self, [*apart, "sh", "-c", script]) as started:
            yield started


@contextmanager
def _first(container: Container, command: Sequence[str]) -> Iterator[Running]:
    outer = subprocess.Popen(command)
    started = Running(container, outer)
    try:
        yield started
    finally:
        if outer.poll() is None:
            os.kill(started.first, signal.SIGKILL)
        outer.wait()


class Running:
    """A container that runs; its first process is ``outer``'s child."""

    def __init__(self, container: Container, outer: subprocess.Popen[bytes]) -> None:
        self._container, self._outer = container, outer

    @property
    def first(self) -> int:
        """The number, out here, of its process number 1."""
        while self._outer.poll() is None:
            if found := children(self._outer.pid):
                return found[0]
            time.sleep(0.01)
        raise SystemExit(f"it has ended with {self._outer.returncode}")

    def beside(self, *words: str) -> list[str]:
        """A command that runs another one in its namespaces, as it runs itself."""
        enter = ["nsenter", f"--target={self.first}", "--mount", "--net", "--pid", "--ipc", "--uts"]
        return [*enter, *self._container.argv(words)]

    def call(self, *words: str, given: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command beside it."""
        command = self.beside(*words)
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
        return self._outer.wait(40)


class Network:
    """A bridge, and for each name a network namespace with an address of its own; ``hosts`` has them all."""

    def __init__(self, directory: Path) -> None:
        self.hosts = directory / "hosts"
        self.hosts.write_text("127.0.0.1 localhost\n")
        self._held = ExitStack()
        self._bridge = self._hold()
        self._at(self._bridge, "ip link add bridge0 type bridge && ip link set bridge0 up")
        self._names: dict[str, int] = {}

    def add(self, name: str) -> str:
        """A namespace by that name; its address."""
        number = len(self._names) + 2
        address = f"10.72.33.{number}"
        held = self._names[name] = self._hold()
        self._at(
            self._bridge,
            f"ip link add veth{number} type veth peer name eth0 netns {held}"
            f" && ip link set veth{number} master bridge0 up",
        )
        self._at(held, f"ip link set lo up && ip address add {address}/24 dev eth0 && ip link set eth0 up")
        with self.hosts.open("a") as file:
            file.write(f"{address} {name}\n")
        return address

    def enter(self, name: str, command: Sequence[str]) -> list[str]:
        """That command in the namespace with that name."""
        return ["nsenter", f"--net=/proc/{self._names[name]}/ns/net", *command]

    def close(self) -> None:
        """End what holds the namespaces."""
        self._held.close()

    def _hold(self) -> int:
        ready, told = os.pipe()
        holder = subprocess.Popen(["unshare", "--net", "sh", "-c", "echo; exec sleep infinity"], stdout=told)
        self._held.callback(holder.wait)
        self._held.callback(holder.kill)
        os.close(told)
        os.read(ready, 1)
        os.close(ready)
        return holder.pid

    def _at(self, held: int, script: str) -> None:
        run("nsenter", f"--net=/proc/{held}/ns/net", "sh", "-c", script)


@contextmanager
def network(directory: Path) -> Iterator[Network]:
    """A network that is there while inside."""
    made = Network(directory)
    try:
        yield made
    finally:
        made.close()
