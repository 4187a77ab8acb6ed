"""The token of each server, in the keyring of whoever is logged in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Final, TypeVar

from wfcore.errors import Forbidden

SERVICE: Final = "workflow"
#: Seconds that a keyring may take; one may wait for a person to unlock it, where there is none.
PATIENCE: Final = 20.0
_T = TypeVar("_T")
_REMEDY: Final = "set WORKFLOW_TOKEN to the token instead"


def load(address: str) -> str | None:
    """The token kept for a server; None when there is none, or no keyring that answers."""
    try:
        found: str | None = _within(lambda: _keyring().get_password(SERVICE, address))
    except Forbidden:
        return None
    return found


def store(address: str, token: str) -> None:
    """Keep the token for a server. Raises Forbidden when there is no keyring."""
    _within(lambda: _keyring().set_password(SERVICE, address, token))


def forget(address: str) -> bool:
    """Keep it no longer; False when there was none. Raises Forbidden when there is no keyring."""
    if _within(lambda: _keyring().get_password(SERVICE, address)) is None:
        return False
    _within(lambda: _keyring().delete_password(SERVICE, address))
    return True


def _keyring() -> Any:
    import keyring

    found = keyring.get_keyring()
    if found.priority <= 0:
        raise Forbidden("there is no keyring here", remedy=_REMEDY)
    return found


def _within(ask: Callable[[], _T]) -> _T:
    """What it says. Raises Forbidden when it cannot, or takes too long."""
    answers: list[_T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            answers.append(ask())
        except Exception as error:
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if answers:
        return answers[0]
    if errors and isinstance(errors[0], Forbidden):
        raise errors[0]
    reason = f"fails: {errors[0]}" if errors else f"does not answer within {PATIENCE:g} s"
    raise Forbidden(f"the keyring {reason}", remedy=_REMEDY)
