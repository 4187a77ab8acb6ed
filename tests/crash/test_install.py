"""An installation that is killed leaves the old package or the new one, wherever it is killed."""

import re
import shutil
import signal
import subprocess
import sys

import pytest

from tests.cli.conftest import Project
from wfcore.config import load
from wfcore.service.offline import stored_packages

pytestmark = pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
#: What the database, the blobs and the cache do to files.
CALLS = "pwrite64,fsync,fdatasync,ftruncate,rename,renameat,renameat2,link,linkat"
OLD = [("1.0.0", "current")]
NEW = [("1.1.0", "current"), ("1.0.0", "kept")]


@pytest.fixture
def project(tmp_path, plugin):
    """A project with a package, and the next version, whose module is a file of its own in storage."""
    made = Project(tmp_path)
    for version in ("1.0.0", "1.1.0"):
        padding = f"/* {version} {'x' * 100_000} */"
        made.path.joinpath(f"{version}.wfp").write_bytes(
            plugin(version, f"export const greet = () => '{version}' {padding}")
        )
    assert made.run("plugin", "install", "1.0.0.wfp").code == 0
    shutil.copytree(tmp_path / "data", tmp_path / "before")
    return made


def install(project, *options):
    command = ["strace", "-f", "-qq", "-e", f"trace={CALLS}", *options, sys.executable, "-m", "wfcore"]
    words = [*command, "plugin", "install", "1.1.0.wfp"]
    return subprocess.run(words, cwd=project.path, env=project.environ, capture_output=True, timeout=100)


def state(project):
    """What an installation sees after the crash, which it can also change."""
    place = {"storage.path": str(project.path / "data" / "db.sqlite")}
    with stored_packages(load(environ={}, overrides=place)) as packages:
        return [(one["version"], one["state"]) for one in packages.list()]


def again(project):
    shutil.rmtree(project.path / "data")
    shutil.copytree(project.path / "before", project.path / "data")


def test_killed_at_every_write(project, at_length, tmp_path):
    trace = tmp_path / "trace"
    assert install(project, "-o", str(trace)).returncode == 0
    assert state(project) == NEW
    threads = re.findall(r"^(\d+) +\w+\(", trace.read_text(), re.MULTILINE)
    points = max(threads.count(thread) for thread in set(threads))
    assert points >= 8
    seen, kills = [], 0
    step = max(1, points // at_length(16))
    for number in range(1, points + 1, step):
        again(project)
        inject = f"inject={CALLS}:signal=KILL:when={number}"
        ended = install(project, "-e", inject, "-o", "/dev/null").returncode
        seen.append(state(project))
        assert ended in (-signal.SIGKILL, 128 + signal.SIGKILL, 0), number
        assert seen[-1] in (OLD, NEW) if ended else seen[-1] == NEW, number
        kills += ended != 0
    assert kills > len(seen) / 2, "one life has not always as many writes as another"
    assert OLD in seen
    assert project.run("plugin", "install", "1.1.0.wfp").code == 0
    assert state(project) == NEW
