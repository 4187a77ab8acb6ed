"""Processes of the product that begin at once.

Most of what a command costs is that Python starts and imports it. One process has done that (mother.py here),
and each program is a fork of it: a process with its own directory, environment and streams, which runs to its
end as any does. With WORKFLOW_TEST_FRESH=1 each is an interpreter of its own, as for its users. The tests of
the documentation and of the package start no forks, nor does a server that a command detaches; tox has the
environment `fresh` for the others.
"""

import atexit
import functools
import json
import os
import select
import socket
import subprocess
import sys
import threading
from pathlib import Path

MOTHER = Path(__file__).with_name("mother.py")
#: What Python reads before it runs anything. Only PYTHONPATH can a fork follow.
EARLY = ("LANG", "LC_", "PYTHON")
PATH = "PYTHONPATH"
_lock = threading.Lock()


def early(environ):
    return {name: value for name, value in environ.items() if name.startswith(EARLY) and name != PATH}


def fresh(environ):
    """Whether it takes a new interpreter to show what these variables do."""
    places = environ.get(PATH, "").split(os.pathsep)
    changed = early(environ) != early(os.environ) or any(
        Path(one, "sitecustomize.py").exists() for one in places
    )
    return changed or "WORKFLOW_TEST_FRESH" in os.environ


def start(command, **options):
    """``subprocess.Popen(command, **options)``, by a fork if it is a program in Python that can be one."""
    can = command[0] == sys.executable and command[1] in ("-c", "-m")
    can = can and not fresh(options.get("env") or os.environ)
    return (Fork if can else subprocess.Popen)(command, **options)


def run(command, timeout=60, **options):
    """What such a program said when it has ended, as ``subprocess.run`` has it."""
    said = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with start(command, **said, **options) as process:
        try:
            out, err = process.communicate(timeout=timeout)
        finally:
            process.kill()
    return subprocess.CompletedProcess(command, process.returncode, out, err)


@functools.cache
def mother():
    """The socket to the process that forks, which ends when this one does."""
    ours, theirs = socket.socketpair()
    with theirs:
        child = subprocess.Popen(
            [sys.executable, str(MOTHER), str(theirs.fileno())], pass_fds=(theirs.fileno(),), cwd="/",
            stdin=subprocess.DEVNULL,
        )  # fmt: skip

    def end():
        ours.close()
        child.wait()

    atexit.register(end)
    return ours


class Fork(subprocess.Popen):
    """A Popen whose process was forked from ``mother``, not executed; its nanny there says how it ended."""

    def _execute_child(self, args, executable, preexec_fn, close_fds, pass_fds, cwd, env, *rest):
        *_, p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite = rest[:9]
        self._nanny, theirs = socket.socketpair()
        streams = [p2cread, c2pwrite, errwrite]
        streams = [number if stream == -1 else stream for number, stream in enumerate(streams)]
        request = {"argv": args[1:], "cwd": str(cwd or Path.cwd()), "env": dict(env or os.environ)}
        try:
            with theirs, _lock:
                socket.send_fds(mother(), [b"!"], [*streams, theirs.fileno()])
            self._nanny.sendall(json.dumps(request).encode())
            self._nanny.shutdown(socket.SHUT_WR)
            self.pid = int.from_bytes(self._nanny.recv(4, socket.MSG_WAITALL))
            self._child_created = True
        finally:
            self._close_pipe_fds(p2cread, p2cwrite, c2pread, c2pwrite, errread, errwrite)

    def _internal_poll(self, *_, **__):
        if self.returncode is None:
            pid, status = self._try_wait(os.WNOHANG)
            if pid:
                self._handle_exitstatus(status)
        return self.returncode

    def _try_wait(self, flags):
        if flags & os.WNOHANG and not select.select([self._nanny], [], [], 0)[0]:
            return 0, 0
        status = self._nanny.recv(4, socket.MSG_WAITALL)
        assert len(status) == 4, "the nanny was killed"
        self._nanny.close()
        return self.pid, int.from_bytes(status)
