"""Builds the JavaScript engine: compiled from its sources, initialised, and written back as two modules.

Nothing is done when the files are there already; else they come from a cache that all environments of
this user share. The same sources make the same bytes, on every platform: their digests are asserted.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from engine_sources import NPM_INTEGRITY, PINS, BuildError, Sources, fetch

HERE = Path(__file__).parent
#: The sha256 of what is built; another result is an error.
DIGESTS = {
    "quickjs.wasm": "b81b92e682da68026501e13b92beb61f5f7bc18649dcf1e0a5adcc1c3bd72f18",
    "typescript.wasm": "1ffd6ce52d0f64e6aa3f0c4a04e050669596641ec07a4d15b263eab7c163839d",
}
LICENSES = "LICENSES.txt"

_UNITS = ("quickjs", "libregexp", "libunicode", "dtoa", "glue", "json", "kit", "memory", "text", "wasi")
#: What the engine has beside the language, in the order in which one needs the other.
_SCRIPTS = ("kept", "errors", "values", "host", "request", "context", "web")
_COMPILE = ("--target=wasm32-wasi", "-O2", "-D_GNU_SOURCE", "-DNDEBUG", "-I.")
_LINK = ("-mexec-model=reactor", "-Wl,-z,stack-size=524288", "-Wl,--strip-all")


def ensure(target: Path) -> None:
    """Have the engine in ``target``. Raises BuildError."""
    if is_complete(target):
        return
    kept = _cache() / _inputs()
    try:
        with _locked(kept):
            if not is_complete(kept):
                _fill(kept)
    except OSError as error:
        raise BuildError(f"{error}; set XDG_CACHE_HOME to a directory with 1 GB of room") from None
    target.mkdir(parents=True, exist_ok=True)
    for name in (*DIGESTS, LICENSES):
        with tempfile.NamedTemporaryFile(dir=target, delete=False) as copy:
            copy.write((kept / name).read_bytes())
        Path(copy.name).chmod(0o644)
        Path(copy.name).rename(target / name)


def _fill(kept: Path) -> None:
    print("building the JavaScript engine, once for this machine (about a minute)", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=kept.parent) as work:
        made = Path(work) / "made"
        made.mkdir()
        _build(Path(work), made)
        _expect_digests(made)
        shutil.rmtree(kept, ignore_errors=True)
        made.rename(kept)


def is_complete(directory: Path) -> bool:
    """Whether the engine is there, whole."""
    return (directory / LICENSES).is_file() and all(
        _digest(directory / name) == digest for name, digest in DIGESTS.items()
    )


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ""


def _expect_digests(made: Path) -> None:
    others = {name: _digest(made / name) for name in DIGESTS if _digest(made / name) != DIGESTS[name]}
    if others:
        raise BuildError(f"the engine was built with other digests than DIGESTS says: {others}")


def _inputs() -> str:
    """The digest of everything that the result depends on."""
    hashed = hashlib.sha256(json.dumps([PINS, NPM_INTEGRITY, DIGESTS]).encode())
    for pattern in ("*.py", "c/*", "js/*"):
        for file in sorted(HERE.glob(pattern)):
            hashed.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return hashed.hexdigest()[:32]


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "workflow-engine"


@contextlib.contextmanager
def _locked(kept: Path) -> Iterator[None]:
    """One build at a time: several environments may be made at once."""
    kept.parent.mkdir(parents=True, exist_ok=True)
    with kept.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _build(work: Path, made: Path) -> None:
    sources = fetch(work)
    raw = work / "raw.wasm"
    _compile(sources, work, raw)
    scripts = [HERE / "js" / f"{name}.js" for name in _SCRIPTS]
    _snapshot(sources, raw, made / "quickjs.wasm", scripts)
    sucrase = work / "sucrase.js"
    sucrase.write_text(f"(function (kit) {{ kit.modules = {modules(sources.sucrase)}; }})")
    _snapshot(sources, raw, made / "typescript.wasm", [*scripts, sucrase, HERE / "js" / "strip.js"])
    texts = [f"{name}\n{'=' * len(name)}\n\n{text}" for name, text in sources.licenses()]
    (made / LICENSES).write_text("\n\n".join(texts))


def _compile(sources: Sources, work: Path, raw: Path) -> None:
    environment = os.environ | {
        "ZIG_GLOBAL_CACHE_DIR": str(work / "zig-global"),
        "ZIG_LOCAL_CACHE_DIR": str(work / "zig-local"),
    }
    shutil.copytree(HERE / "c", sources.quickjs, dirs_exist_ok=True)

    def zig(*arguments: str) -> None:
        command = [str(sources.zig), "cc", *_COMPILE, *arguments]
        done = subprocess.run(
            command, cwd=sources.quickjs, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise BuildError(f"zig cc {' '.join(arguments)} failed\n{done.stderr[-4000:]}")

    with ThreadPoolExecutor(os.cpu_count()) as threads:
        list(threads.map(lambda unit: zig("-c", f"{unit}.c", "-o", f"{unit}.o"), _UNITS))
    zig(*_LINK, *(f"{unit}.o" for unit in _UNITS), "-o", str(raw))


def modules(root: Path) -> str:
    """The modules of a package that its index needs, as one JavaScript object: path -> function."""
    found: dict[str, str] = {}
    waiting = ["index"]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        text = (root / f"{name}.js").read_text()
        found[name] = f"{json.dumps(name)}: function (exports, require) {{{text}\n}}"
        for wanted in re.findall(r"""require\(['"](\.[^'"]+)['"]\)""", text):
            path = os.path.normpath(Path(name).parent / wanted)
            waiting.append(path if (root / f"{path}.js").is_file() else f"{path}/index")
    return "{" + ",\n".join(text for _, text in sorted(found.items())) + "}"


def _snapshot(sources: Sources, raw: Path, target: Path, scripts: Sequence[Path]) -> None:
    """In a process that has wasmtime, and as an interpreter of its own does not keep it."""
    code = (
        "import sys; from pathlib import Path; from engine_snapshot import snapshot\n"
        "raw, target, *scripts = map(Path, sys.argv[1:])\n"
        "target.write_bytes(snapshot(raw.read_bytes(), [script.read_bytes() for script in scripts]))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(raw), str(target), *map(str, scripts)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join((str(HERE), str(sources.wasmtime)))},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise BuildError(f"{target.name} cannot be initialised\n{done.stderr[-4000:]}")
