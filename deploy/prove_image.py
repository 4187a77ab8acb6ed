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
import shutil
import subprocess
from pathlib import Path

from containers import Container
from roots import WORKFLOW, built, children, filters, say

#: What nobody should find in an image that runs in production.
TOOLS = ("cc", "gcc", "clang", "zig", "make", "npm", "node", "git")


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
