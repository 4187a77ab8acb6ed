"""Whether a module keeps to the plugin ABI: what all must do, and what the actions of the suite do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from wfcore.errors import RetryableError, TerminalError, WorkflowError
from wfcore.packages.trial.world import World
from wfcore.plugins.contracts import Call, Limits, Module, Runtime

#: What no module has.
NOBODY: Final = "no-such-action"
_VALUES: Final[Mapping[str, Any]] = {
    "null": None,
    "numbers": [0, -1, 2**31, 2**53 - 1, 0.1, -1.5e-7],
    "texts": ["", "ä€😀", 'quo"te\\', "line\nend\t"],
    "a large text": "x" * 1_000_000,
    "bytes": b"\x00\xff\x80wf",
    "nesting": {"a": [{"b": {"c": [[], {}, True, False]}}]},
}


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was tried; ``fault`` is empty when it held. ``skipped``: the module lacks the action."""

    name: str
    fault: str = ""
    skipped: bool = False


def conform(content: bytes, runtime: Runtime) -> Iterator[Check]:
    """Try a module. ``echo``, ``fail``, ``ask`` and ``clock`` are the suite's own actions.

    ``echo`` gives its inputs back; ``fail`` fails with its inputs as the error; ``ask`` makes the host call
    in its inputs and gives the value of the answer, or fails with its error; ``clock`` gives ``{now, seed}``
    as texts.
    """
    try:
        runtime.check(content)
    except WorkflowError as error:
        yield Check("the module is accepted", error.message)
        return
    yield Check("the module is accepted")
    trial = _Trial(Module(hashlib.sha256(content).hexdigest(), lambda: content), runtime)
    yield trial.check("an action that is not there is refused as no_action", "", trial.refuses)
    for name, value in _VALUES.items():
        yield trial.check(f"echo: {name}", "echo", partial(trial.gives, "echo", value, value))
    yield trial.check("fail: type, message, retry_after", "fail", trial.fails)
    yield trial.check("ask: the answer arrives", "ask", trial.asks)
    yield trial.check("ask: a refusal arrives", "ask", trial.is_refused)
    yield trial.check("clock: time and seed are those of the call", "clock", trial.tells)


class _Trial:
    def __init__(self, module: Module, runtime: Runtime) -> None:
        self._module = module
        self._runtime = runtime
        self._has: dict[str, bool] = {}

    def check(self, name: str, action: str, attempt: Callable[[], None]) -> Check:
        """Make an attempt, unless it needs an action that the module does not have."""
        try:
            if action and not self.has(action):
                return Check(name, skipped=True)
            attempt()
        except AssertionError as fault:
            return Check(name, str(fault))
        except WorkflowError as error:
            return Check(name, error.message)
        return Check(name)

    def has(self, action: str) -> bool:
        """Whether the module knows the action."""
        if action not in self._has:
            try:
                self.call(action, None)
            except (TerminalError, RetryableError) as error:
                self._has[action] = error.kind != "no_action"
            else:
                self._has[action] = True
        return self._has[action]

    def call(
        self, action: str, inputs: Any, host: Callable[[Mapping[str, Any]], Any] = lambda _: None
    ) -> Any:
        """The result of a call."""
        context = {"execution": "e", "workflow": "default/abi", "task": "t", "attempt": 1, "key": "k"}
        call = Call(self._module, action, inputs, context, 1_767_225_600_123, -42, Limits(timeout=10))
        return self._runtime.invoke(call, host, World({}))

    def gives(self, action: str, inputs: Any, wanted: Any) -> None:
        """The result is as wanted, twice."""
        for _ in range(2):
            got = self.call(action, inputs)
            assert got == wanted, f"it gives {_shown(got)}, not {_shown(wanted)}"

    def refuses(self) -> None:
        """What is not there is said not to be there."""
        try:
            self.call(NOBODY, None)
        except TerminalError as error:
            assert error.kind == "no_action", f"the type is {error.kind}"
        else:
            raise AssertionError("it does not fail")

    def fails(self) -> None:
        """An error arrives with all that it has."""
        error = {"type": "on_purpose", "message": "no ä", "retryable": True, "retry_after": 7}
        try:
            self.call("fail", error)
        except RetryableError as raised:
            assert raised.kind == "on_purpose", f"the type is {raised.kind}"
            assert raised.message.startswith("no ä"), f"the message is {raised.message}"
            assert raised.retry_after == 7, f"retry_after is {raised.retry_after}"
        else:
            raise AssertionError("it does not fail")

    def asks(self) -> None:
        """A host call and its answer pass as they are."""
        asked: list[Mapping[str, Any]] = []

        def host(request: Mapping[str, Any]) -> Any:
            asked.append(request)
            return {"got": ["ä", 1]}

        got = self.call("ask", {"op": "kv.get", "key": "ä"}, host)
        assert asked == [{"op": "kv.get", "key": "ä"}], f"the host is asked {_shown(asked)}"
        assert got == {"got": ["ä", 1]}, f"it gives {_shown(got)}"

    def is_refused(self) -> None:
        """The error of a host call becomes the code's."""

        def host(_request: Mapping[str, Any]) -> Any:
            raise TerminalError("not permitted", kind="permission")

        try:
            self.call("ask", {"op": "kv.get", "key": "k"}, host)
        except TerminalError as error:
            assert error.kind == "permission", f"the type is {error.kind}"
        else:
            raise AssertionError("it does not fail")

    def tells(self) -> None:
        """Time and seed are the call's."""
        self.gives("clock", None, {"now": "1767225600123", "seed": "-42"})


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) < 200 else f"{text[:200]} …"
