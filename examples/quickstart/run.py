"""The quick start: a workflow, what it leaves behind, and a server that is killed in the middle of its work.

Every command is shown as it can be typed. Needs nothing but this machine; all files are in ./data.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path

from source import PORT, Source, serve

HERE = Path(os.path.relpath(Path(__file__).parent))
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


class Shell:
    """Runs ``workflow`` with the quick start's configuration, and shows what it runs."""

    def __init__(self, source: Source) -> None:
        self.command = os.path.relpath(Path(sys.executable).with_name("workflow"))
        settings = {"WORKFLOW_CONFIG": str(HERE / "workflow.config.yaml")}
        if source.port != PORT:
            settings["WORKFLOW_EGRESS_ALLOW"] = f"http://127.0.0.1:{source.port}"
        # Whatever the user has set for other purposes stays out of this.
        plain = {name: value for name, value in os.environ.items() if not name.startswith("WORKFLOW_")}
        self._environment = plain | settings
        for name, value in settings.items():
            prompt(f"export {name}={shlex.quote(value)}")

    def run(self, *words: str) -> None:
        """Run a command. Raises CalledProcessError when it fails."""
        prompt(shlex.join([self.command, *words]))
        subprocess.run([self.command, *words], env=self._environment, check=True)

    def ask(self, *words: str) -> dict:
        """Run a command unseen, for its JSON."""
        command = [self.command, *words, "--json"]
        answer = subprocess.run(command, env=self._environment, check=True, stdout=subprocess.PIPE)
        return json.loads(answer.stdout)


def main() -> int:
    """The exit code of the first command that fails, else 0."""
    source = serve()
    place = f"http://127.0.0.1:{source.port}"
    moved = source.port != PORT
    try:
        title("1  Fetch JSON, store it: a workflow without any server")
        print(f"The JSON comes from {place}/items, which refuses the first request.", flush=True)
        shell = Shell(source)
        shell.run("run", str(HERE / "daily_sync.yaml"), *([f"--input=source={place}/items"] if moved else []))
        title("2  The rows are there for other workflows")
        shell.run("run", str(HERE / "items.yaml"))
        title("3  A server, killed while a task runs, and started again")
        survive(shell, source, [f"--input=source={place}"] if moved else [])
    except subprocess.CalledProcessError as error:
        return error.returncode
    title("Next: docs/tutorial/first-workflow.md, and the workflows in examples/recipes")
    return 0


def survive(shell: Shell, source: Source, given: list[str]) -> None:
    """Kill the server while a task waits for an answer; the next server goes on by itself."""
    shell.run("server", "start", "--detach")
    try:
        shell.run("workflow", "apply", str(HERE / "steps.yaml"))
        process = shell.ask("server", "status")["pid"]
        shell.run("workflow", "run", "steps", *given)
        source.asked.wait(30)
        print("The task `slow` has asked, and waits for its answer. Now the server dies:")
        prompt(f"kill -9 {process}")
        os.kill(process, signal.SIGKILL)
        shell.run("server", "start", "--detach")
        print("\nThe workflow goes on by itself; what was done is not done again:", flush=True)
        newest = shell.ask("execution", "list", "--limit=1")["executions"][0]
        shell.run("execution", "watch", newest["id"])
    finally:
        shell.run("server", "stop")


def title(text: str) -> None:
    """Say what comes next."""
    print(f"\n\x1b[1m{text}\x1b[0m" if COLOUR else f"\n{text}", flush=True)


def prompt(text: str) -> None:
    """Show a command."""
    print(f"\n\x1b[36m$ {text}\x1b[0m" if COLOUR else f"\n$ {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
