"""The driver."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from wfcore.api import (
    Call,
    Context,
    Host,
    PluginError,
    TaskContext,
    TerminalError,
    parse_duration,
    parse_size,
)
from wfcore_plugins.runtimes.wasm.calling import Calling
from wfcore_plugins.runtimes.wasm.modules import Modules
from wfcore_plugins.runtimes.wasm.pool import Pool

_Say = Callable[[str, str], None]


def _size(field: str, value: Any, say: _Say) -> None:
    try:
        if parse_size(value) < 512 * 1024 * 1024:
            say(field, "must be at least 512MiB")
    except ValueError as error:
        say(field, str(error))


def _time(field: str, value: Any, say: _Say) -> None:
    try:
        if not parse_duration(value) > 0:
            say(field, "must be longer than 0 s")
    except ValueError as error:
        say(field, str(error))


class WasmRuntime:
    """``Runtime`` by sandbox processes, which are begun by the first call and end when they are idle.

    This process itself never imports wasmtime.
    """

    contract: ClassVar[int] = 1
    schema: ClassVar[Mapping[str, Any]] = {
        "processes": {"type": "integer", "min": 0, "max": 64, "default": 0},
        "calls": {"type": "integer", "min": 1, "max": 64, "default": 16},
        "memory": {"default": "2GiB", "check_with": _size},
        "idle": {"default": "60s", "check_with": _time},
        "compileTimeout": {"default": "60s", "check_with": _time},
    }

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._pool = Pool(
            config["processes"] or os.cpu_count() or 1,
            config["calls"],
            parse_duration(config["idle"]),
            parse_size(config["memory"]),
            context.logger,
        )
        self._modules = Modules(context.data_dir / "cache" / "wasm", parse_duration(config["compileTimeout"]))

    def start(self) -> None:
        """Nothing to acquire: the first call begins the first process."""

    def stop(self, deadline: float) -> None:
        """Kill the processes; calls that are in them raise Cancel."""
        self._pool.close(deadline)

    def health(self) -> str:
        """Why the last process could not begin; empty when all is well."""
        return self._pool.trouble and f"a sandbox process cannot begin: {self._pool.trouble}"

    def check(self, content: bytes) -> None:
        """See ``Runtime``."""
        self._modules.check(content)

    def module(self, language: str, source: str, file: str) -> bytes:
        """See ``Runtime``."""
        return self._modules.make(language, source, file)

    def invoke(self, call: Call, host: Host, task: TaskContext) -> Any:
        """See ``Runtime``."""
        task.check()
        try:
            return Calling(call, self._modules, host, task).run(self._pool)
        except PluginError as error:
            raise TerminalError(error.message, kind="plugin", remedy=error.remedy) from None
