"""Modules made ready to run: read with distrust, compiled, and kept."""

from __future__ import annotations

import hashlib
import platform
import threading
from collections import OrderedDict
from collections.abc import Callable
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import Final

from wfcore.api import Module, PluginError, SourceFault
from wfcore_plugins.runtimes.wasm import sections, values
from wfcore_plugins.runtimes.wasm.artefacts import Artefacts
from wfcore_plugins.runtimes.wasm.compiling import BadSyntax, Compiler, Ready, Refused
from wfcore_plugins.runtimes.wasm.limits import CONFIGURATION
from wfcore_plugins.runtimes.wasm.sourcemap import SourceMap, inline

_ENGINES: Final = Path(__file__).parent / "engine"
#: So many modules are kept ready in memory, and so many bytes of them.
_KEPT: Final = 128
_KEPT_BYTES: Final = 256 * 1024 * 1024


class Modules:
    """``directory`` holds what was compiled; ``patience`` is the seconds that one compilation may take."""

    def __init__(self, directory: Path, patience: float) -> None:
        self._artefacts = Artefacts(directory)
        self._compiler = Compiler(patience)
        self._ready: OrderedDict[str, Ready] = OrderedDict()
        self._lock = threading.Lock()
        self._compiling = threading.RLock()

    def ready(self, module: Module) -> Ready:
        """The module, ready. Raises PluginError when it is not one that can run."""
        found = self._kept(module.digest)
        if found is None:
            with self._compiling:  # one at a time: a compilation takes most of the machine
                found = self._kept(module.digest) or self._made(module.digest, module.read())
            self._keep(module.digest, found)
        return found

    def forget(self, ready: Ready) -> None:
        """What was compiled cannot be used here: compile it again when it is next asked for."""
        with self._compiling, self._lock:
            self._ready.clear()
            self._artefacts.drop(_key(ready.module))
            self.__dict__.pop("_scripts", None)

    def check(self, content: bytes) -> None:
        """Refuse what would not run. Raises PluginError."""
        self.ready(Module(hashlib.sha256(content).hexdigest(), lambda: content))

    def make(self, language: str, source: str, file: str) -> bytes:
        """A script of source text. Raises SourceFault with the author's place of an error of syntax."""
        text, map = inline(source) if language == "js" else self._stripped(source, file)
        content = sections.script(text, map)
        try:
            self.check(content)
        except BadSyntax as fault:
            known = SourceMap(map).place(fault.line, fault.column) if map else None
            line, column = (known.line, known.column) if known else (fault.line, fault.column)
            away = f" (in {known.file})" if known and known.file != file else ""
            raise SourceFault(f"{fault.said}{away}", line, column) from None
        return content

    def _kept(self, digest: str) -> Ready | None:
        with self._lock:
            found = self._ready.get(digest)
            if found is not None:
                self._ready.move_to_end(digest)
            return found

    def _keep(self, digest: str, ready: Ready) -> None:
        with self._lock:
            self._ready[digest] = ready
            while len(self._ready) > 1 and (
                len(self._ready) > _KEPT or sum(one.size for one in self._ready.values()) > _KEPT_BYTES
            ):
                self._ready.popitem(last=False)

    @cached_property
    def _scripts(self) -> Ready:
        return self._engine("quickjs.wasm")

    def _engine(self, name: str) -> Ready:
        try:
            content = (_ENGINES / name).read_bytes()
        except OSError as error:
            raise PluginError(
                f"the JavaScript engine is missing: {error}", remedy="install workflow-engine again"
            ) from None
        digest = hashlib.sha256(content).hexdigest()
        return Ready(digest, self._compiled(digest, content))

    def _made(self, digest: str, content: bytes) -> Ready:
        parsed = sections.parse(content)
        if not parsed.script:
            return Ready(digest, self._compiled(digest, content))
        source = parsed.source
        code = hashlib.sha256(source).hexdigest()
        bytecode = self._worked(
            lambda: self._scripts, f"bytecode {code}", lambda engine: self._compiler.bytecode(engine, source)
        )
        map = SourceMap(parsed.map.decode()) if parsed.map else None
        engine = self._scripts
        return Ready(engine.module, engine.artefact, code, bytecode, map)

    def _worked(self, engine: Callable[[], Ready], name: str, work: Callable[[Ready], bytes]) -> bytes:
        """What an engine makes of something, kept under its name."""
        first = engine()

        def make() -> bytes:
            try:
                return work(first)
            except Refused:
                self.forget(first)
                return work(engine())

        return self._artefacts.get(f"{name} {first.module}", make)

    def _compiled(self, digest: str, content: bytes) -> bytes:
        return self._artefacts.get(_key(digest), lambda: self._compiler.machine_code(content))

    def _stripped(self, source: str, file: str) -> tuple[str, str]:
        """TypeScript without its types, and the map back to it. Raises SourceFault."""
        name = f"stripped {hashlib.sha256(source.encode()).hexdigest()} {file}"
        try:
            with self._compiling:
                text = self._worked(
                    lambda: self._engine("typescript.wasm"),
                    name,
                    lambda engine: self._compiler.stripped(engine, source, file),
                )
            made = values.decode(text)
            return str(made["code"]), str(made["map"])
        except BadSyntax as fault:
            raise SourceFault(fault.said, fault.line, fault.column) from None
        except (ValueError, KeyError, TypeError):
            raise PluginError("the type stripper gave nothing that can be read") from None


def _key(digest: str) -> str:
    """Of what was compiled of a module: another compiler or another computer makes another file."""
    return f"module {digest} wasmtime {version('wasmtime')} {CONFIGURATION} {platform.machine()}"
