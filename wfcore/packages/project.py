"""A plugin's sources, made into its package: TypeScript, JavaScript, C, Zig, or a module that is there."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import MappingProxyType
from typing import Final

from wfcore.errors import InvalidPackage, NotFound, PluginError, Problem, SourceFault
from wfcore.packages.archive import MAX_MODULE, MODULE, write_archive
from wfcore.packages.manifest import FILE, Manifest, parse_manifest
from wfcore.plugins.contracts import Runtime

#: Where a plugin's code may begin, in the order in which it is looked for.
ENTRIES: Final = ("src/index.ts", "src/index.js", "src/plugin.c", "src/plugin.zig", MODULE)
#: Seconds that a bundler or compiler may take.
_PATIENCE: Final = 120
_BESIDES: Final = ("README.md", "LICENSE")
_SCRIPT: Final = (
    "--bundle", "--format=esm", "--platform=neutral", "--main-fields=module,main", "--target=es2023",
    "--sourcemap=inline", "--sources-content=false", "--log-level=error", "--color=false",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Built:
    """A package that was made of a project."""

    manifest: Manifest
    module: bytes
    archive: bytes


def build(folder: Path, runtime: Callable[[str], Runtime]) -> Built:
    """The package of a project's folder; the same sources make the same bytes.

    Raises NotFound for a folder without a manifest or without code, InvalidPackage with the place of each
    fault of the manifest or the code, and PluginError when a compiler is missing.
    """
    text = _read(folder / FILE)
    manifest = parse_manifest(text, str(folder / FILE))
    module = _module(folder, runtime(manifest.runtime))
    if len(module) > MAX_MODULE:
        raise InvalidPackage(f"the module has {len(module)} bytes; at most {MAX_MODULE} are allowed")
    files = {FILE: text, MODULE: module}
    files |= {name: (folder / name).read_bytes() for name in _BESIDES if (folder / name).is_file()}
    return Built(manifest, module, write_archive(files))


def _module(folder: Path, runtime: Runtime) -> bytes:
    entry = next((name for name in ENTRIES if (folder / name).is_file()), None)
    if entry is None:
        raise NotFound(f"there is no code in {folder}", remedy=f"write one of {', '.join(ENTRIES)}")
    language = entry.rpartition(".")[2]
    if language == "wasm":
        module = (folder / entry).read_bytes()
    elif language in ("ts", "js"):
        module = _script(folder, entry, language, runtime)
    else:
        module = _compiled(folder, entry)
    runtime.check(module)
    return module


def _script(folder: Path, entry: str, language: str, runtime: Runtime) -> bytes:
    """Bundled by the project's own esbuild if it has one, else a single file without its types."""
    bundler = folder / "node_modules" / ".bin" / "esbuild"
    try:
        if bundler.exists():
            bundle = _run([str(bundler.absolute()), entry, *_SCRIPT], folder, "esbuild")
            return runtime.module("js", bundle.decode(), entry)
        return runtime.module(language, _read(folder / entry).decode(), entry)
    except SourceFault as fault:
        place = Problem(fault.line or 1, fault.column or 1, "", fault.message, str(folder / entry))
        raise InvalidPackage(problems=[place]) from None
    except UnicodeDecodeError:
        raise InvalidPackage(f"{folder / entry} is not UTF-8") from None


def _compiled(folder: Path, entry: str) -> bytes:
    """Compiled to a core module by Zig, which compiles C too."""
    zig = _zig()
    with tempfile.TemporaryDirectory() as work:
        target, place = Path(work) / MODULE, {"ZIG_GLOBAL_CACHE_DIR": work, "ZIG_LOCAL_CACHE_DIR": work}
        if entry.endswith(".c"):
            command = ["cc", "--target=wasm32-freestanding", "-O2", "-nostdlib", "-Wl,--no-entry"]
            command += ["-Wl,--strip-all", "-o", str(target), entry]
        else:
            command = ["build-exe", "-target", "wasm32-freestanding", "-OReleaseSmall", "-fno-entry"]
            command += ["-rdynamic", f"-femit-bin={target}", entry]
        _run([*zig, *command], folder, "zig", place)
        return target.read_bytes()


def _zig() -> list[str]:
    if found := shutil.which("zig"):
        return [found]
    if find_spec("ziglang") is not None:
        return [sys.executable, "-m", "ziglang"]
    raise PluginError("there is no Zig compiler, which also compiles C", remedy="pip install ziglang")


def _run(
    command: Sequence[str], folder: Path, tool: str, environment: Mapping[str, str] = MappingProxyType({})
) -> bytes:

    try:
        done = subprocess.run(  # noqa: S603  (the author's own tools, on the author's own sources)
            command,
            cwd=folder,
            env={**os.environ, **environment},
            check=False,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PATIENCE,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PluginError(f"{tool} cannot be run: {error}", remedy=f"try {tool} by hand") from None
    if done.returncode:
        told = done.stderr.decode(errors="replace").strip()
        raise InvalidPackage(f"{tool} refuses the sources:\n{told[:8000]}", remedy="correct them")
    return done.stdout


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise NotFound(
            f"{file} cannot be read: {error.strerror}", remedy="name the folder of a plugin"
        ) from None
