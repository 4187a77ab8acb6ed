"""Secrets in the keyring of a desktop: the Secret Service, the macOS Keychain and the like."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from typing import Any, ClassVar, Final, TypeVar

from wfcore.api import Context, PluginError, Stateless, Unavailable

#: Seconds that a keyring may take; some ask their user to unlock them.
PATIENCE: Final = 20.0
#: Under this name lie the names, for a keyring lists nothing.
_INDEX: Final = "@names"
_T = TypeVar("_T")


class KeyringSecrets(Stateless):
    """Entries of the service ``secrets.keyring.service``; their user is ``[SCOPE/]NAME``."""

    schema: ClassVar[Mapping[str, Any]] = {
        "service": {"type": "string", "empty": False, "maxlength": 128, "default": "workflow"}
    }

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._service: str = config["service"]
        self._lock = threading.Lock()

    def start(self) -> None:
        """Look for a keyring. Raises PluginError where there is none, as on most servers."""
        import keyring
        from keyring.backends.fail import Keyring as Absent

        found = _within(keyring.get_keyring)
        if isinstance(found, Absent) or found.priority <= 0:
            raise PluginError(
                "there is no keyring here",
                remedy="take `keyring` out of secrets.providers; `local` keeps secrets on servers",
            )

    def get(self, name: str, scope: str = "") -> str | None:
        """The value. Raises Unavailable when the keyring does not open."""
        if not name or "/" in name:  # which would be a secret of another scope
            return None
        return self._read(_user(name, scope))

    def names(self, scope: str = "") -> Iterator[str]:
        """The names that were stored by way of this provider, sorted."""
        return iter(sorted(name for above, name in self._index() if above == scope))

    def put(self, name: str, value: str, scope: str = "") -> bool:
        """Store a value; True when there was none."""
        with self._lock:
            new = self._read(_user(name, scope)) is None
            self._write(_user(name, scope), value)
            self._note(self._index() | {(scope, name)})
        return new

    def remove(self, name: str, scope: str = "") -> bool:
        """Forget a value; False when there was none."""
        import keyring

        with self._lock:
            if self._read(_user(name, scope)) is None:
                return False
            _within(lambda: keyring.delete_password(self._service, _user(name, scope)))
            self._note(self._index() - {(scope, name)})
        return True

    def _index(self) -> set[tuple[str, str]]:
        return {(scope, name) for scope, name in json.loads(self._read(_INDEX) or "[]")}

    def _note(self, names: set[tuple[str, str]]) -> None:
        self._write(_INDEX, json.dumps(sorted(names)))

    def _read(self, user: str) -> str | None:
        import keyring

        return _within(lambda: keyring.get_password(self._service, user))

    def _write(self, user: str, value: str) -> None:
        import keyring

        _within(lambda: keyring.set_password(self._service, user, value))


def _user(name: str, scope: str) -> str:
    return f"{scope}/{name}" if scope else name


def _within(ask: Callable[[], _T]) -> _T:
    """What the keyring answers, on a thread that can be left behind. Raises Unavailable."""
    answer: Future[_T] = Future()

    def run() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=run, name="keyring", daemon=True).start()
    try:
        return answer.result(PATIENCE)
    except TimeoutError:
        why = f"it does not answer within {PATIENCE:g} s"
    except Exception as error:
        why = f"{type(error).__name__}: {error}"
    raise Unavailable(f"the keyring cannot be used: {why}", remedy="unlock it, and try again")
