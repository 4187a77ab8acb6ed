"""Installs engines to compare with into a directory of its own: ``install_peers.py [DIRECTORY] [NAME…]``.

Each comes from its ordinary registry (PyPI or npm) into a virtual environment or a node_modules of its own.
The default is ``~/.cache/workflow-peers`` and all of them; some need minutes and a gigabyte, so nothing but a
person calls this. What cannot be installed is reported, and the others go on.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

DEFAULT = Path.home() / ".cache" / "workflow-peers"
#: By name: the packages from PyPI and those from npm.
PEERS = {
    "dbos": (["dbos", "psycopg[binary]"], []),
    "restate": (["restate-sdk[serde]", "hypercorn"], ["@restatedev/restate-server"]),
    "n8n": ([], ["n8n"]),
    "prefect": (["prefect"], []),
}
#: A dependency of n8n's spreadsheet node comes from a server of its own; the registry has an older one.
OVERRIDES = {"xlsx": "0.18.5"}


def install(home: Path, name: str) -> None:
    """Install one; what is there already stays. Raises CalledProcessError, OSError."""
    wheels, modules = PEERS[name]
    place = home / name
    if wheels:
        if not (place / "venv").exists():
            venv.create(place / "venv", with_pip=True)
        subprocess.run([place / "venv/bin/pip", "install", "-q", *wheels], check=True)
    if modules:
        place.mkdir(parents=True, exist_ok=True)
        if not (place / "package.json").exists():
            (place / "package.json").write_text(json.dumps({"private": True, "overrides": OVERRIDES}))
        npm = shutil.which("npm")
        if npm is None:
            raise OSError("npm is not installed")
        subprocess.run([npm, "install", "--no-audit", "--no-fund", *modules], cwd=place, check=True)


def main(arguments: list[str]) -> int:
    """Install those that are named; 1 when one could not be."""
    names = [one for one in arguments if one in PEERS] or list(PEERS)
    others = [one for one in arguments if one not in PEERS]
    if len(others) > 1:
        print(f"there is no peer {others[1]}; there are {', '.join(PEERS)}", file=sys.stderr)
        return 2
    home = Path(others[0]) if others else DEFAULT
    failed = 0
    for name in names:
        begun = time.monotonic()
        try:
            install(home, name)
        except (subprocess.CalledProcessError, OSError) as error:
            failed = 1
            print(f"{name}: NOT installed: {error}", flush=True)
        else:
            print(f"{name}: installed in {home / name}, {time.monotonic() - begun:.0f} s", flush=True)
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
