"""The contract of runtimes as tests.

In a test module of yours::

    from wfsdk.contexts import context
    from wfsdk.contracts.runtimes import RuntimeContract

    class TestMyRuntime(RuntimeContract):
        def make(self, tmp_path):
            return MyRuntime({}, context("mine", tmp_path))
"""

from __future__ import annotations

import hashlib
import threading
import time
from abc import abstractmethod
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from wfcore.api import Call, Cancel, Limits, Module, RetryableError, Runtime, SourceFault, TerminalError
from wfsdk.contracts.driver import DriverContract
from wfsdk.tasks import StubTask

_Host = Callable[[Mapping[str, Any]], Any]


class RuntimeContract(DriverContract):
    """What every runtime must do with JavaScript; a subclass says how one is made."""

    @abstractmethod
    def make(self, tmp_path: Path) -> Runtime:
        """A runtime that is not started."""

    def call(
        self, driver: Runtime, source: str, inputs: Any = None, host: _Host = lambda _: None, **options: Any
    ) -> Any:
        """What the default export of a source gives."""
        content = driver.module("js", source, "code.js")
        module = Module(hashlib.sha256(content).hexdigest(), lambda: content)
        task = options.pop("task", None) or StubTask()
        seed = options.pop("seed", 1)
        call = Call(module, "default", inputs, {"key": "k"}, 1_700_000_000_000, seed, Limits(**options))
        return driver.invoke(call, host, task)

    @pytest.mark.parametrize(
        "value", [None, True, 0.5, 2**53 - 1, "ä€😀", b"\x00\xff", [], {"a": [{"b": b"x"}]}]
    )
    def test_values_pass(self, driver: Runtime, value: Any) -> None:
        assert self.call(driver, "export default (data) => data", value) == value

    def test_the_same_call_gives_the_same(self, driver: Runtime) -> None:
        source = "export default () => [Date.now(), Math.random()]"
        first = self.call(driver, source)
        assert self.call(driver, source) == first
        assert self.call(driver, source, seed=2) != first
        assert first[0] == 1_700_000_000_000

    def test_nothing_is_left_of_a_call(self, driver: Runtime) -> None:
        source = "globalThis.n ??= 0; export default () => ++globalThis.n"
        assert [self.call(driver, source) for _ in range(3)] == [1, 1, 1]

    def test_the_host_answers_and_refuses(self, driver: Runtime) -> None:
        source = "export default (d, ctx) => ctx.kv.get('k')"
        assert self.call(driver, source, host=lambda request: [request["op"], request["key"]]) == [
            "kv.get",
            "k",
        ]

        def refuse(_: Mapping[str, Any]) -> Any:
            raise TerminalError("no", kind="permission")

        with pytest.raises(TerminalError) as caught:
            self.call(driver, source, host=refuse)
        assert caught.value.kind == "permission"

    def test_an_error_is_as_the_code_says(self, driver: Runtime) -> None:
        source = "export default () => { throw new RetryableError('busy', { type: 'busy', retryAfter: 3 }) }"
        with pytest.raises(RetryableError) as caught:
            self.call(driver, source)
        assert (caught.value.kind, caught.value.retry_after) == ("busy", 3)

    @pytest.mark.parametrize(
        ("source", "kind"),
        [
            ("export default () => { for (;;); }", "timeout"),
            ("export default () => { const a = []; for (;;) a.push(new Array(1e5).fill(1)) }", "memory"),
            ("const f = () => f() + 1; export default f", "stack"),
            ("export default () => 'x'.repeat(3_000_000)", "output"),
            ("export default async (d, ctx) => { for (;;) await ctx.kv.get('k') }", "host_calls"),
        ],
    )
    def test_limits_hold_and_nothing_else_is_harmed(self, driver: Runtime, source: str, kind: str) -> None:
        with pytest.raises(TerminalError) as caught:
            self.call(driver, source, timeout=2, output=1_000_000, calls=100)
        assert caught.value.kind == kind
        assert self.call(driver, "export default () => 'well'") == "well"

    def test_a_call_gives_way_when_its_task_is_cancelled(self, driver: Runtime) -> None:
        task = StubTask()
        threading.Timer(0.3, task.cancel).start()
        began = time.monotonic()
        with pytest.raises(Cancel):
            self.call(driver, "export default () => { for (;;); }", task=task, timeout=60)
        assert time.monotonic() - began < 10

    def test_source_that_is_not_well_formed_is_refused_at_its_place(self, driver: Runtime) -> None:
        with pytest.raises(SourceFault) as caught:
            driver.module("js", "export default () => {\n  const = 1;\n}", "code.js")
        assert caught.value.line == 2
