"""``workflow completion``: scripts for shells."""

from __future__ import annotations

from wfcore.cli.output import Answer
from wfcore.cli.session import Session


def bash(session: Session) -> Answer:
    """Print a completion script for bash.

    Put it to use with: eval "$(workflow completion bash)"
    """
    return _script(session, "bash")


def fish(session: Session) -> Answer:
    """Print a completion script for fish.

    Put it to use with: workflow completion fish | source
    """
    return _script(session, "fish")


def _script(session: Session, shell: str) -> Answer:
    from wfcore.cli.complete import script

    text = script(session.root, shell)
    return Answer({"shell": shell, "script": text}, text.splitlines())
