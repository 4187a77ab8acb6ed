"""Compilation, each in a process that does nothing else and ends with it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from wfcore.api import PluginError
from wfcore_plugins.runtimes.wasm import values
from wfcore_plugins.runtimes.wasm.frames import Frame, Head
from wfcore_plugins.runtimes.wasm.limits import MAX_MADE
from wfcore_plugins.runtimes.wasm.process import Process
from wfcore_plugins.runtimes.wasm.sourcemap import SourceMap

#: Bytes that such a process may use, and that JavaScript in it may.
_PROCESS_MEMORY: Final = 2 * 1024 * 1024 * 1024
_MEMORY: Final = 512 * 1024 * 1024
_OUTPUT: Final = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ready:
    """A module that can run: ``module`` is its (or its engine's) digest and ``artefact`` its machine code.

    ``code`` is the digest of a script's ``bytecode``, both empty for a module of its own.
    """

    module: str
    artefact: bytes
    code: str = ""
    bytecode: bytes = b""
    map: SourceMap | None = None

    @property
    def size(self) -> int:
        """Bytes of its own; engines are shared."""
        return len(self.bytecode) if self.code else len(self.artefact)


class BadSyntax(PluginError):
    """An error of syntax in a script, at a place of what was compiled."""

    def __init__(self, message: str, line: int, column: int) -> None:
        super().__init__(f"the code cannot be compiled: {message} (line {line}, column {column})")
        self.said = message
        self.line = line
        self.column = column


class Refused(PluginError):
    """What was compiled of an engine cannot be used here: another computer has compiled it."""


class Compiler:
    """Every method takes at most ``patience`` seconds, and raises PluginError for what cannot be compiled."""

    def __init__(self, patience: float) -> None:
        self._patience = patience

    def machine_code(self, module: bytes) -> bytes:
        """A module's, for this computer."""
        with self._process() as process:
            return process.ask({"is": "compile"}, module)[1]

    def bytecode(self, engine: Ready, source: bytes) -> bytes:
        """A script's. Raises BadSyntax, Refused."""
        return self._worked(engine, {"is": "bytecode"}, source)

    def stripped(self, engine: Ready, source: str, file: str) -> bytes:
        """TypeScript without its types, as ``{code, map}``. Raises BadSyntax, Refused."""
        request = {"action": "strip", "inputs": {"source": source, "file": file}, "context": {}}
        return self._worked(engine, {"is": "call", "call": 0}, values.encode(request))

    def _worked(self, engine: Ready, head: Head, body: bytes) -> bytes:
        work = {
            "module": engine.module, "code": "", "now": 0, "seed": 0, "timeout": self._patience,
            "memory": _MEMORY, "output": _OUTPUT,
        }  # fmt: skip
        with self._process() as process:
            process.send({"is": "module", "digest": engine.module}, engine.artefact)
            answer, content = process.ask({**head, **work}, body)
        if answer.get("kind") != "ok":
            raise _unfit(answer, content)
        return content

    @contextmanager
    def _process(self) -> Iterator[_OneShot]:
        try:
            process = Process(_PROCESS_MEMORY, MAX_MADE, seconds=2 * math.ceil(self._patience))
        except OSError as error:
            raise _failed(f"no process can be started: {error}") from None
        try:
            yield _OneShot(process, self._patience)
        finally:
            process.end()


class _OneShot:
    def __init__(self, process: Process, patience: float) -> None:
        self._process = process
        self._patience = patience
        self._until = time.monotonic() + patience

    def send(self, head: Head, body: bytes) -> None:
        try:
            self._process.send(head, body)
        except OSError:
            raise self._ended() from None

    def ask(self, head: Head, body: bytes) -> Frame:
        """Send a frame and wait for what comes of it."""
        self.send(head, body)
        while True:
            left = self._until - time.monotonic()
            if left <= 0 or not self._process.readable(left):
                raise _failed(f"it takes longer than {self._patience:g} s")
            frame = self._process.receive()
            if frame is None:
                raise self._ended()
            match frame[0].get("is"):
                case "refused":
                    raise Refused(_last_line(frame[0].get("message")))
                case "failed" | "broken":
                    raise _failed(_last_line(frame[0].get("message")))
                case "made" | "end":
                    return frame

    def _ended(self) -> PluginError:
        return _failed("its process has ended; it may need more memory than it may use")


def _unfit(head: Head, body: bytes) -> PluginError:
    """The error for a script that could not be compiled."""
    if head.get("kind") != "error":
        return _failed(str(head.get("message") or head.get("kind")))
    try:
        said: Any = values.decode(body)
        frames = said.get("frames") or [{"line": 0, "column": 0}]
        return BadSyntax(str(said["message"])[:2000], int(frames[0]["line"]), int(frames[0]["column"]))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return _failed("the engine does not say why")


def _last_line(message: Any) -> str:
    lines = [line.strip() for line in str(message).splitlines() if line.strip()]
    return lines[-1][:500] if lines else "for no reason that is known"


def _failed(why: str) -> PluginError:
    return PluginError(f"the module cannot be compiled: {why}", remedy="make it smaller, or correct it")
