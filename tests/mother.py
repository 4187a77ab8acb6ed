"""Has everything imported, and forks a process for each program that is asked for; see tests/forks.py.

``mother.py SOCKET``: each request there is a byte with four descriptors, those of standard input, output and
error and of a socket to the nanny, who takes the rest of the request from it.
"""

import contextlib
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import sys
import time

#: What commands and servers import when they need it.
IMPORTED = (
    "wfcore.cli.main", "wfcore.cli.commands.audit", "wfcore.cli.commands.completion",
    "wfcore.cli.commands.config", "wfcore.cli.commands.execution", "wfcore.cli.commands.plugin",
    "wfcore.cli.commands.project", "wfcore.cli.commands.publishing", "wfcore.cli.commands.run",
    "wfcore.cli.commands.secret", "wfcore.cli.commands.server", "wfcore.cli.commands.supply",
    "wfcore.cli.commands.token", "wfcore.cli.commands.workflow", "wfcore.cli.door", "wfcore.cli.follow",
    "wfcore.cli.help", "wfcore.cli.remote", "wfcore.cli.root", "wfcore.cli.session",
    "wfcore.cli.sources", "wfcore.service.app", "wfcore.service.checker", "wfcore.service.embedded",
    "wfcore.service.offline", "wfcore.service.serve", "wfcore_plugins.actions.core",
    "wfcore_plugins.dispatchers.local", "wfcore_plugins.hooks.metrics",
    "wfcore_plugins.registries.folder", "wfcore_plugins.registries.http",
    "wfcore_plugins.runtimes.wasm.runtime", "wfcore_plugins.secrets.env",
    "wfcore_plugins.secrets.local", "wfcore_plugins.storage.postgres", "wfcore_plugins.storage.sqlite",
    "wfcore_plugins.triggers.cron", "wfcore_plugins.triggers.interval",
    "wfcore_plugins.triggers.manual", "wfcore_plugins.triggers.webhook",
)  # fmt: skip


def nurse(streams, answer):
    """In the nanny: fork the program and say how it ends. In the program: its request."""
    with socket.socket(fileno=answer) as reply:
        with reply.makefile("rb") as asked:
            request = json.load(asked)
        pid = os.fork()
        if pid:
            for stream in (*streams, 0, 1, 2):
                os.close(stream)
            try:
                reply.sendall(pid.to_bytes(4))
                reply.sendall(os.waitpid(pid, 0)[1].to_bytes(4))
            finally:
                os._exit(0)
    return request


def become(request, streams):
    """All that a new process has of its own."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(request["cwd"])
    before = os.environ.pop("PYTHONPATH", "")
    os.environ.clear()
    os.environ.update(request["env"])
    if (path := os.environ.get("PYTHONPATH", "")) != before:
        sys.path[1:1] = path.split(os.pathsep)
    time.tzset()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdout.reconfigure(line_buffering=os.isatty(1))


def run(kind, what, *words):
    """As ``python -m WHAT`` or ``python -c WHAT`` does."""
    sys.argv = [what if kind == "-m" else kind, *words]
    sys.path[0] = os.getcwd() if kind == "-m" else ""  # noqa: PTH109
    if kind == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(compile(what, "<string>", "exec"), {"__name__": "__main__"})


def main(control):
    for name in IMPORTED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a fork need not look at what is here, at its end least of all
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while numbers := socket.recv_fds(control, 1, 4)[1]:
        if not os.fork():
            control.close()
            *streams, answer = numbers
            request = nurse(streams, answer)
            become(request, streams)
            run(*request["argv"])
            return
        for number in numbers:
            os.close(number)
        with contextlib.suppress(ChildProcessError):  # those that have ended, so that their work is counted
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


sys.path[0] = ""  # not the directory of this file
main(socket.socket(fileno=int(sys.argv[1])))
