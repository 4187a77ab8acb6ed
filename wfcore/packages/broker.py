"""Answers the host calls of sandboxed code; what its permissions do not have is refused, and told."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from wfcore.errors import TerminalError
from wfcore.packages.files import Files
from wfcore.packages.handles import ALGORITHMS, Handles, denied
from wfcore.packages.outbound import MAX_REDIRECTS, TIMEOUT, Outbound
from wfcore.packages.permissions import Permissions
from wfcore.plugins.contracts import LEVELS, Records, TaskContext

#: Runs another action: (type, inputs, task of one level deeper) -> output.
CallAction = Callable[[str, Any, TaskContext], Any]
#: Is told what was refused: (who asked, as ``Access.name``; action; what is wrong; for which task).
Denied = Callable[[str, str, str, TaskContext], None]
#: Actions may call actions so deep.
MAX_DEPTH: Final = 4
MAX_KEY: Final = 512
_T = TypeVar("_T")
_log = logging.getLogger("workflow.permissions")


@dataclass(frozen=True, slots=True)
class Access:
    """What the code of one call may reach. ``name`` is how it is called in messages and the log.

    ``records`` is the namespace of its key/value pairs; ``secret`` gives the value of a slot, or None;
    ``denied`` is told what was refused, for the audit log.
    """

    name: str
    action: str
    permissions: Permissions
    records: str
    secret: Callable[[str], str | None]
    call: CallAction
    denied: Denied | None = None


class Broker:
    """The Host of one call, see ``contracts.Runtime``: from ``{"op": …}`` to the answer's value.

    ``seconds`` are those that the call has. Raises TerminalError and RetryableError; the kind ``permission``
    for what is refused, ``invalid_input`` for a request that is not well formed.
    """

    def __init__(self, access: Access, task: TaskContext, seconds: float) -> None:
        permissions = access.permissions
        self._access = access
        self._task = task
        self._handles = Handles(permissions.secrets, access.secret, f"{task.key}/{access.name}")
        until = task.clock.monotonic() + seconds
        self._outbound = Outbound(permissions.network, self._handles, task, until)
        self._files = Files(permissions)
        self._calls = 0

    def __call__(self, request: Mapping[str, Any]) -> Any:
        """The answer to one host call."""
        self._task.check()
        op = str(request.get("op"))
        if op not in _OPS:
            raise TerminalError(f"there is no host call {op[:80]!r}", kind="invalid_input")
        try:
            return _OPS[op](self, _Fields(op, request))
        except TerminalError as error:
            if error.kind == "permission":
                self._tell(op, error.message)
            raise

    def mask(self, text: str) -> str:
        """A text without the secrets that this call has had in hand."""
        return self._handles.mask(text)

    def _tell(self, op: str, message: str) -> None:
        access, task = self._access, self._task
        shown = self.mask(message)
        task.log(f"{access.name}: {op}: {shown}", "WARNING")
        place = f"{task.namespace}/{task.workflow}, execution {task.execution}, task {task.task}"
        _log.warning("%s, action %s: %s: %s (%s)", access.name, access.action, op, shown, place)
        if access.denied is not None:
            access.denied(access.name, access.action, f"{op}: {shown}", task)

    def _say(self, fields: _Fields) -> None:
        self._task.log(self.mask(fields.text("message")), fields.one_of("level", LEVELS, "INFO"))

    def _request(self, fields: _Fields) -> dict[str, Any]:
        headers = fields.get("headers", dict, {})
        if not all(isinstance(value, str) for value in headers.values()):
            raise fields.fault("headers", "a mapping of texts")
        body = fields.content("body") if fields.has("body") else None
        seconds, redirects = fields.number("timeout", TIMEOUT), fields.number("redirects", 5)
        if not 0 < seconds <= 3600 or not 0 <= redirects <= MAX_REDIRECTS:
            raise fields.fault("timeout and redirects", f"up to 3600 seconds and {MAX_REDIRECTS} redirects")
        method = fields.get("method", str, "GET")
        return self._outbound.send(method, fields.text("url"), headers, body, seconds, int(redirects))

    def _kv(self) -> Records:
        if not self._access.permissions.kv:
            raise denied("it may not keep records")
        return self._task.records(self._access.records)

    def _kv_set(self, fields: _Fields) -> None:
        ttl = fields.number("ttl", 0) if fields.has("ttl") else None
        if ttl is not None and not ttl > 0:
            raise fields.fault("ttl", "a number of seconds above 0")
        self._kv().set(fields.key(), fields.get("value", object, None), ttl=ttl)

    def _fs_write(self, fields: _Fields) -> None:
        self._files.write(fields.text("path"), fields.content("content"))

    def _env(self, fields: _Fields) -> str | None:
        name = fields.text("name")
        if name not in self._access.permissions.env:
            raise denied(f"it may not read the environment variable {name}")
        return self._task.env.get(name)

    def _basic(self, fields: _Fields) -> str:
        return self._handles.basic(fields.text("username"), fields.text("password"))

    def _hmac(self, fields: _Fields) -> str:
        algorithm = fields.one_of("algorithm", ALGORITHMS, "sha256")
        encoding = fields.one_of("encoding", ("hex", "base64"), "hex")
        return self._handles.sign(fields.text("name"), algorithm, fields.content("data"), encoding)

    def _call(self, fields: _Fields) -> Any:
        type = fields.text("type")
        if type not in self._access.permissions.calls:
            raise denied(f"it may not call the action {type}")
        if self._task.depth + 1 >= MAX_DEPTH:
            raise TerminalError(f"actions call each other more than {MAX_DEPTH} levels deep", kind="depth")
        self._calls += 1  # each call is an effect of its own, so each has an idempotency key of its own
        return self._access.call(type, fields.get("inputs", dict, {}), self._task.nested(str(self._calls)))


class _Fields:
    """The fields of one request, each of the type that it must have. Raises TerminalError (invalid_input)."""

    __slots__ = ("_op", "_request")

    def __init__(self, op: str, request: Mapping[str, Any]) -> None:
        self._op = op
        self._request = request

    def has(self, name: str) -> bool:
        """Whether the field is there and not null."""
        return self._request.get(name) is not None

    def get(self, name: str, type: type[_T], default: _T) -> _T:
        """A field of a type: a text, a mapping or (``object``) anything."""
        value = self._request.get(name)
        if value is None:
            return default
        if not isinstance(value, type):
            raise self.fault(name, "a text" if type is str else "a mapping")
        return value

    def text(self, name: str) -> str:
        """A text that has to be there."""
        if not self.has(name):
            raise self.fault(name, "a text")
        return self.get(name, str, "")

    def key(self) -> str:
        """The key of a record."""
        key = self.text("key")
        if not 0 < len(key) <= MAX_KEY:
            raise self.fault("key", f"a text of 1 to {MAX_KEY} characters")
        return key

    def number(self, name: str, default: float) -> float:
        """A number."""
        value: Any = self._request.get(name)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.fault(name, "a number")
        return value

    def one_of(self, name: str, choices: tuple[str, ...], default: str) -> str:
        """One of some words."""
        value = self.get(name, str, default)
        if value not in choices:
            raise self.fault(name, f"one of {', '.join(choices)}")
        return value

    def content(self, name: str) -> bytes:
        """Text or bytes, as bytes."""
        value = self._request.get(name)
        if isinstance(value, str):
            try:
                return value.encode()
            except UnicodeEncodeError:
                raise self.fault(name, "text without halves of surrogate pairs") from None
        if not isinstance(value, bytes):
            raise self.fault(name, "text or bytes")
        return value

    def fault(self, name: str, wanted: str) -> TerminalError:
        """The error for a field that is not as it must be."""
        return TerminalError(f"{self._op}: {name} must be {wanted}", kind="invalid_input")


_OPS: Final[Mapping[str, Callable[[Broker, _Fields], Any]]] = {
    "log": Broker._say,
    "http.request": Broker._request,
    "kv.get": lambda broker, fields: broker._kv().get(fields.key()),
    "kv.set": Broker._kv_set,
    "kv.delete": lambda broker, fields: broker._kv().delete(fields.key()),
    "fs.read": lambda broker, fields: broker._files.read(fields.text("path")),
    "fs.write": Broker._fs_write,
    "fs.list": lambda broker, fields: broker._files.list(fields.text("path")),
    "env.get": Broker._env,
    "secret.get": lambda broker, fields: broker._handles.get(fields.text("name")),
    "secret.basic": Broker._basic,
    "secret.hmac": Broker._hmac,
    "action.call": Broker._call,
}
