"""Executes registry/Dockerfile without a container engine; publishes a package to it, and installs that.

``sudo python3 deploy/prove_registry.py [DIRECTORY]``: the registry runs as prove_image.py runs the server. A
publisher makes a key and a plugin, and publishes it with a token of the registry; a server takes the package
from there, signed, and runs it. After another start the registry has the package still. It needs what
roots.py needs.
"""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

from containers import Container, Running
from roots import built, say

HERE = "http://127.0.0.1:7234"
DATA = "/var/lib/wfregistry/registry-data"
#: Somebody else's files: publisher and server are guests in the registry's container, and have but its /tmp.
PLACE = "/tmp/client"
USE = """\
id: use
tasks:
  hello: {type: acme/hello.greet, inputs: {name: Ada}}
outputs: {text: "{{ tasks.hello.output.text }}"}
"""


def configured(public: str, signer: str) -> str:
    """The configuration of publisher and server: whom they trust."""
    return json.dumps(
        {
            "egress": {"allow": [HERE]},
            "registries": {"http": {"indexes": [{"name": "main", "url": HERE, "keys": [public]}]}},
            "plugins": {"signatures": "require", "keys": {"acme": [signer]}},
            "storage": {"path": f"{PLACE}/data/db.sqlite"},
        }
    )


def shell(registry: Running, script: str, given: str = "") -> str:
    """What a script prints that runs among the client's files."""
    return registry.check("sh", "-ec", f"export HOME={PLACE}; cd {PLACE}; {script}", given=given)


@contextmanager
def server(registry: Running) -> Iterator[None]:
    """A server beside the registry, until it is ready."""
    config = f"{PLACE}/workflow.config.yaml"
    words = ("env", f"HOME={PLACE}", "workflow", "server", "start", "--config", config)
    process = subprocess.Popen(registry.beside(*words), stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while registry.call("workflow", "server", "status", "--config", config).returncode:
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit("the server does not start")
            time.sleep(0.2)
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait()


def public_key(container: Container) -> str:
    """The registry's, as its index is signed by it."""
    with container.running() as registry:
        registry.await_health()
        return registry.check("wfregistry", "--data", DATA, "key").strip()


def prove(container: Container, public: str) -> None:
    """Publish, install, run, start again."""
    with container.running() as registry:
        registry.await_health()
        say("healthy; its key is", public)
        registry.check("mkdir", PLACE)
        signer = shell(registry, "workflow plugin keygen me.key; tail -1 me.key.pub").split()[-1]
        token = registry.check(
            "wfregistry", "--data", DATA, "token", "create", "ada", "--scope", "acme", "--key", signer
        )
        shell(registry, "cat > workflow.config.yaml", configured(public, signer))
        shell(registry, "workflow plugin init acme/hello")
        published = "workflow plugin publish hello --key me.key --token-file -"
        say(shell(registry, published, token).strip())
        refused = registry.call("sh", "-c", f"cd {PLACE}; {published}", given="wfr_nobody")
        say("with another token: exit", refused.returncode)
        if not refused.returncode:
            raise SystemExit("anybody may publish")
        with server(registry):
            say(shell(registry, "workflow plugin install acme/hello --grant").strip())
            shell(registry, "cat > use.yaml; workflow workflow apply use.yaml", USE)
            ended = json.loads(shell(registry, "workflow workflow run use --wait --json"))
            say("run:", ended["state"], json.dumps(ended["outputs"]))
            if ended["outputs"] != {"text": "Hello Ada!"}:
                raise SystemExit("that is not what the plugin says")
        say("SIGTERM: exit", code := registry.stop())
        if code:
            raise SystemExit("it did not stop cleanly")
    with container.running() as registry:
        registry.await_health()
        registry.check("mkdir", PLACE)
        shell(registry, "cat > workflow.config.yaml", configured(public, signer))
        found = shell(registry, "workflow plugin search hello")
        say("after another start:", *re.findall(r"acme/hello +\S+", found))
        if "acme/hello" not in found:
            raise SystemExit("the package is gone")
        registry.stop()


def main() -> None:
    """Build and try."""
    with built("registry/Dockerfile") as (root, stage):
        container = Container(root, stage)
        prove(container, public_key(container))
    say("proved")


if __name__ == "__main__":
    main()
