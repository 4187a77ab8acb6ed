"""Makes the stages of the Dockerfile as directories: Debians by debootstrap, in which its steps are executed.

It needs Linux, root, debootstrap and util-linux. Behind a proxy that signs with certificates of its own,
SSL_CERT_FILE names the bundle that is trusted while the image is built.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dockerfile
from dockerfile import Stage, Step

TOP = Path(__file__).resolve().parents[1]
#: What the base image has of Debian's packages; it has Python itself at /usr/local/bin.
BASE = "python3,python3-venv,python3-pip,ca-certificates"
PLAIN = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
#: What is run at the end: code in the sandbox, and a task that uses its result.
WORKFLOW = """\
id: proof
tasks:
  code:
    type: core/code
    language: ts
    source: "export default (data: unknown): number => 6 * 7"
  double: {type: core/set, inputs: {value: "{{ tasks.code.output * 2 }}"}}
outputs: {answer: "{{ tasks.double.output.value }}"}
"""

#: The same code where a server has the label `proof`.
LABELLED = """\
id: labelled
tasks:
  code:
    type: core/code
    language: ts
    runs_on: proof
    source: "export default (data: unknown): number => 6 * 7"
outputs: {answer: "{{ tasks.code.output }}"}
"""


def say(*words: object) -> None:
    """A line of what is found."""
    print(*words, flush=True)


def run(*words: str | Path) -> None:
    """Run a command; its failure ends the proof."""
    subprocess.run([str(word) for word in words], check=True, stdin=subprocess.DEVNULL)


class Builder:
    """Executes stages, each in a root of its own below ``home``."""

    def __init__(self, home: Path, context: Path) -> None:
        self.home, self.context = home, context
        self.roots: dict[str, Path] = {}

    def build(self, number: int, stage: Stage) -> Path:
        """The root of a stage."""
        root = self.home / f"stage{number}"
        run("cp", "-a", self._base(stage.base), root)
        self.roots[stage.name or str(number)] = root
        user, where, known = "root", "/", dict(PLAIN)
        for step in stage.steps:
            said = f"{step.word} {step.rest}"
            say(f"[{stage.name or number}] {said if len(said) < 100 else said[:99] + '…'}")
            if step.word == "RUN":
                self._run(root, step.rest, user, where, known)
            elif step.word == "COPY":
                self._copy(root, step, where)
            elif step.word == "USER":
                user = step.rest
            elif step.word == "WORKDIR":
                where = step.rest
                (root / where.lstrip("/")).mkdir(parents=True, exist_ok=True)
            elif step.word == "ENV":
                known = Stage("", "", [step]).environment(known)
        return root

    def _base(self, image: str) -> Path:
        """A Debian with Python, as ``python:3.x.y-slim-SUITE`` is one."""
        found = re.fullmatch(r"python:(3\.\d+)\.\d+-slim-(\w+)", image)
        if found is None:
            raise SystemExit(f"the base {image} is not one that can be made here")
        version, suite = found[1], found[2]
        root = self.home / f"base-{suite}"
        if not root.exists():
            say(f"making a Debian {suite} for {image}")
            run("debootstrap", "--variant=minbase", f"--include={BASE}", suite, root)
            (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")
            shutil.copy("/etc/resolv.conf", root / "etc/resolv.conf")
            if trusted := os.environ.get("SSL_CERT_FILE"):
                shutil.copy(trusted, root / "run/trusted.pem")
        if not (root / f"usr/bin/python{version}").exists():
            raise SystemExit(
                f"Debian {suite} has another Python than {version}: change the Dockerfile's base"
            )
        return root

    def _run(self, root: Path, command: str, user: str, where: str, known: dict[str, str]) -> None:
        if (root / "run/trusted.pem").exists():
            names = ("SSL_CERT_FILE", "PIP_CERT", "NODE_EXTRA_CA_CERTS", "NPM_CONFIG_CAFILE")
            known = known | dict.fromkeys(names, "/run/trusted.pem")
        inside = ["unshare", "--mount", "--pid", "--fork", "--kill-child", f"--mount-proc={root}/proc"]
        pairs = [f"{name}={value}" for name, value in known.items()]
        entered = f"cd {shlex.quote(where)} && {command}"
        run(
            *inside,
            "chroot",
            f"--userspec={user}",
            root,
            "env",
            "-i",
            *pairs,
            "HOME=/root",
            "sh",
            "-c",
            entered,
        )

    def _copy(self, root: Path, step: Step, where: str) -> None:
        *sources, target = step.arguments
        origin = self.roots[step.options["from"]] if "from" in step.options else self.context
        into = root / where.lstrip("/") / target  # an absolute target replaces all before it
        into = root / target.lstrip("/") if target.startswith("/") else into
        for source in sources:
            found = origin / source.lstrip("/")
            if found.is_dir():
                into.mkdir(parents=True, exist_ok=True)
                run("cp", "-a", f"{found}/.", into)
            elif target.endswith("/") or len(sources) > 1:
                into.mkdir(parents=True, exist_ok=True)
                run("cp", "-a", found, into)
            else:
                into.parent.mkdir(parents=True, exist_ok=True)
                run("cp", "-a", found, into)


def context(file: Path, into: Path) -> Path:
    """What an engine is sent for a Dockerfile: what the ignore file lets through, and no more."""
    beside = file.with_name(f"{file.name}.dockerignore")
    lines = (beside if beside.exists() else TOP / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and line[0] not in "#*"]
    for name in (pattern[1:] for pattern in patterns if pattern[0] == "!"):
        (into / name).parent.mkdir(parents=True, exist_ok=True)
        run("cp", "-a", TOP / name, into / name)
    for pattern in (pattern for pattern in patterns if pattern[0] != "!"):
        shutil.rmtree(into / pattern, ignore_errors=True)
    for cache in [*into.rglob("__pycache__")] if "**/__pycache__" in lines else ():
        shutil.rmtree(cache)
    return into


@contextmanager
def built(name: str = "Dockerfile") -> Iterator[tuple[Path, Stage]]:
    """The last stage and its root, in the directory that the command line names or in a temporary one.

    The Debian that is the base is made once; all else that proofs have left there is made anew.
    """
    if os.geteuid():
        raise SystemExit("this needs root, to make roots and namespaces")
    if shutil.which("debootstrap") is None:
        raise SystemExit("this needs debootstrap, which makes the base: apt-get install debootstrap")
    file = TOP / name
    stages = dockerfile.read(file)
    with tempfile.TemporaryDirectory() as temporary:
        home = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else Path(temporary)
        home.mkdir(parents=True, exist_ok=True)
        for old in home.iterdir():
            if not old.name.startswith("base-"):
                shutil.rmtree(old) if old.is_dir() else old.unlink()
        builder = Builder(home, context(file, home / "context"))
        roots = [builder.build(number, stage) for number, stage in enumerate(stages)]
        yield roots[-1], stages[-1]


def filters(pid: int) -> int:
    """How many filters of system calls a process has."""
    found = re.search(r"^Seccomp_filters:\s+(\d+)$", Path(f"/proc/{pid}/status").read_text(), re.M)
    return int(found[1]) if found else 0


def children(pid: int) -> list[int]:
    """The processes that the threads of a process have started."""
    files = Path(f"/proc/{pid}/task").glob("*/children")
    return sorted({int(number) for file in files for number in file.read_text().split()})
