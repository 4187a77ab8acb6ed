"""Code that tasks bring: made into modules once, run with the permissions of the task and no others."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from wfcore.errors import SourceFault
from wfcore.model.workflow import Code
from wfcore.packages.broker import Access, CallAction, Denied
from wfcore.packages.permissions import parse
from wfcore.packages.running import run
from wfcore.plugins.contracts import Limits, Module, Runtime, TaskContext

#: Seconds that code may take when its task says nothing.
TIMEOUT: Final = 30.0
#: So many modules are kept in memory.
KEPT: Final = 256
_Key = tuple[str, str, str]


class CodeSandbox:
    """``contracts.Sandbox`` over a runtime that is started when the first code is seen."""

    def __init__(
        self,
        runtime: Callable[[], Runtime],
        secret: Callable[[str, str], str | None],
        call: CallAction,
        denied: Denied,
    ) -> None:
        self._runtime = runtime
        self._secret = secret
        self._call = call
        self._denied = denied
        self._modules: OrderedDict[_Key, Module] = OrderedDict()
        self._lock = threading.Lock()

    def check(self, code: Code) -> None:
        """See ``Sandbox``."""
        self._module(code)

    def run(self, code: Code, data: Any, task: TaskContext) -> Any:
        """See ``Sandbox``."""
        access = Access(
            name=f"{task.namespace}/{task.workflow}.{task.task}",
            action="default",
            permissions=parse(task.permissions),
            records=f"code:{task.namespace}/{task.workflow}",
            secret=lambda slot: self._secret(slot, f"{task.namespace}/{task.workflow}"),
            call=self._call,
            denied=self._denied,
        )
        seconds = TIMEOUT if task.deadline is None else max(0.001, task.deadline - task.clock.monotonic())
        return run(self._runtime(), self._module(code), access, data, Limits(timeout=seconds), task)

    def _module(self, code: Code) -> Module:
        key = (code.language, code.file, code.source)
        with self._lock:
            found = self._modules.get(key)
            if found is not None:
                self._modules.move_to_end(key)
                return found
        try:
            code.source.encode()
        except UnicodeEncodeError:
            raise SourceFault("the source has half of a surrogate pair, which is no text") from None
        content = self._runtime().module(code.language, code.source, code.file)
        module = Module(hashlib.sha256(content).hexdigest(), lambda: content)
        with self._lock:
            self._modules[key] = module
            while len(self._modules) > KEPT:
                self._modules.popitem(last=False)
        return module
