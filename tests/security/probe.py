"""Runs where a sandbox process runs, begun in the same way, and tells over its socket what it finds."""

import contextlib
import ctypes
import fcntl
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

DIRECTORY, LEADER = str(Path.cwd()), os.getsid(0) == os.getpid()


def is_open(number):
    with contextlib.suppress(OSError):
        os.fstat(number)
        return True
    return False


FILES = [number for number in range(256) if is_open(number)]

from wfcore_plugins.runtimes.wasm.frames import Channel  # noqa: E402
from wfcore_plugins.runtimes.wasm.hardening import give_up  # noqa: E402
from wfcore_plugins.runtimes.wasm.machine import Machine  # noqa: E402

MINE, MEMORY = int(sys.argv[1]), int(sys.argv[2])
CHANNEL = Channel(socket.socket(fileno=MINE), 1 << 20)
PARENT = os.getppid()
libc = ctypes.CDLL(None, use_errno=True)


def call(name, *arguments):
    if getattr(libc, name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)


ATTEMPTS = {
    "open a socket": socket.socket,
    "make a pair of sockets": socket.socketpair,
    "read a file": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "write a file": lambda: os.open("/tmp/probe", os.O_WRONLY | os.O_CREAT),
    "list a directory": lambda: list(Path("/").iterdir()),
    "look whether a file is there": lambda: Path("/etc/passwd").stat(),
    "remove a file": lambda: Path("/tmp/probe").unlink(),
    "fork": os.fork,
    "run a program": lambda: os.execv("/bin/true", ["true"]),
    "begin a process": lambda: subprocess.run(["/bin/true"], close_fds=False),
    "signal its parent": lambda: os.kill(PARENT, 0),
    "trace": lambda: call("ptrace", 16, PARENT, 0, 0),
    "read another's memory": lambda: call("process_vm_readv", PARENT, None, 0, None, 0, 0),
    "have a file signal another": lambda: fcntl.fcntl(MINE, fcntl.F_SETOWN, PARENT),
    "change its priority": lambda: os.nice(1),
    "change its root": lambda: os.chroot("/"),
    "mount": lambda: call("mount", b"none", b"/mnt", b"tmpfs", 0, None),
    "leave its namespaces": lambda: call("unshare", 0x10000000),
    "copy a descriptor": lambda: os.dup(MINE),
    "become another": lambda: os.setuid(12345),
}


def attempt(name):
    """The error that comes of it; 0 for none."""
    try:
        ATTEMPTS[name]()
    except OSError as error:
        return error.errno
    return 0


FOUND = {}
GO = threading.Event()


def in_a_thread(title):
    GO.wait()
    FOUND[title] = attempt("open a socket")


earlier = threading.Thread(daemon=True, target=in_a_thread, args=["in a thread that was there before"])
earlier.start()
Machine()
MEASURES = give_up(MEMORY)
FOUND.update({name: attempt(name) for name in ATTEMPTS})
later = threading.Thread(daemon=True, target=in_a_thread, args=["in a thread of later"])
later.start()
GO.set()
earlier.join()
later.join()
SEEN = {
    "environment": dict(os.environ),
    "files": FILES,
    "mine": MINE,
    "directory": DIRECTORY,
    "leader": LEADER,
}
KERNEL = [name for name in sys.modules if name.startswith("wfcore.")]
CHANNEL.send({**SEEN, "measures": MEASURES, "found": FOUND, "kernel": KERNEL})
os._exit(0)
