"""What a sandbox process has given up, as seen from inside: code that ran there would find this."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from wfcore_plugins.runtimes.wasm import process

#: Begins the probe as the process's own code is begun.
BOOT = (
    "import runpy, sys; sys.path.insert(0, sys.argv.pop(1)); "
    f"runpy.run_path({str(Path(__file__).with_name('probe.py'))!r})"
)


@pytest.fixture(scope="module")
def probe():
    """What the probe found."""
    os.environ["A_SECRET"] = "hunter2"
    leaked = os.open("/etc/passwd", os.O_RDONLY)
    os.set_inheritable(leaked, True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(process, "_BOOT", BOOT)
        child = process.Process(2 << 30, 1 << 20)
        try:
            assert child.readable(30)
            frame = child.receive()
        finally:
            child.end()
            os.close(leaked)
            del os.environ["A_SECRET"]
    assert frame is not None
    return frame[0]


def test_it_has_no_environment(probe):
    assert set(probe["environment"]) <= {"LC_CTYPE"}  # which Python itself sets


def test_it_has_its_socket_and_nothing_else(probe):
    assert probe["files"] == sorted([0, 1, 2, probe["mine"]])


def test_it_stands_apart(probe):
    assert probe["directory"] == "/"
    assert probe["leader"]


def test_it_has_nothing_of_the_kernel(probe):
    assert probe["kernel"] == []


@pytest.mark.skipif(sys.platform != "linux", reason="measures of Linux")
def test_it_may_only_compute(probe):
    assert probe["measures"] == ["rlimits", "no_new_privs", "seccomp"]
    assert set(probe["found"].values()) == {errno.EPERM}, probe["found"]


@pytest.mark.skipif(sys.platform != "linux", reason="limits are enforced so on Linux")
def test_its_memory_is_limited():
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "from wfcore_plugins.runtimes.wasm.hardening import give_up\n"
        "give_up(256 << 20)\n"
        "try: bytearray(512 << 20)\n"
        "except MemoryError: print('no')\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code, process._ROOT], capture_output=True, text=True)
    assert done.stdout == "no\n", done.stderr


def test_it_ends_with_the_server(tmp_path, eventually):
    code = (
        "import logging, os, pathlib, sys\n"
        "from wfcore.api import Call, Context, Limits, Module\n"
        "from wfcore.packages.trial.world import World\n"
        "from wfcore_plugins.runtimes.wasm import WasmRuntime\n"
        "config = {'processes': 1, 'calls': 1, 'memory': '2GiB', 'idle': '60s', 'compileTimeout': '60s'}\n"
        "context = Context('wasm', logging.getLogger(), None, pathlib.Path(sys.argv[1]))\n"
        "driver = WasmRuntime(config, context)\n"
        "code = driver.module('js', 'export default (d, c) => { c.kv.get(1); for (;;); }', 'x.js')\n"
        "def host(request):\n"
        "    print(driver._pool.workers()[0].process.pid, flush=True)\n"
        "call = Call(Module('m', lambda: code), 'default', None, {}, 0, 0, Limits(timeout=300))\n"
        "driver.invoke(call, host, World({}))\n"
    )
    server = subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    with server:
        pid = int(server.stdout.readline())
        os.kill(pid, 0)
        server.send_signal(signal.SIGKILL)

    def ended():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    eventually(ended)
