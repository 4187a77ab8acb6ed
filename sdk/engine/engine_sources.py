"""Where the engine comes from: released files of the registries, each with the digest that it must have."""

from __future__ import annotations

import base64
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

#: Requirement -> sha256 of each file that may be taken, of which pip chooses that of the platform.
PINS = {
    "quickjs_ng==0.17.0.2": ("43d2e48272208721a7aaea8e3f02d4b9318f12ef20cc4f5421b59d9a470706ef",),
    "ziglang==0.17.1": (
        "ea6cc5d87b033cf0aedfbc8f9549a908cae6c50ac31f1698188fa48a74524b54",  # Linux x86-64
        "b7c5f02fccd40f89b999ee16a1f5ddced56e6182370f8affe494bcf8a28cf07e",  # Linux arm64
        "4e0b4b9c02b8d0d220e9948010f860b62ff11d96abb39762eca5fa2ef3f7bc97",  # macOS x86-64
        "09953b6af7f64168b915180a42774f520f92d86ef6331b28e33915c7e1f0bb23",  # macOS arm64
    ),
    "wasmtime==50.0.1": (
        "cc14c3a17654e0394e0225b11813532ef0cd7bd1e222a0c5494cdedaabeddac4",
        "675484e525c028dc02762b777f1db4477ea70caa3fec6775426daff4d64edfb1",
        "13fe813b922712a9e10fe0f48b2c56da06432eea4b24269bb7cd3a6b2720560b",
        "ff4fc58ed3cbdb919d056accd4d280be13962a542754aaefd8a9b4654efa9bd9",
    ),
}
#: The package of npm, and its integrity as the registry writes it (sha512).
NPM_PACKAGE = "sucrase@3.35.1"
NPM_INTEGRITY = "DhuTmvZWux4H1UOnWMB3sk0sbaCVOoQZjv8u1rDoTV0HTdGem9hkAZtl4JZy8P2z4Bg0nT+YMeOFyVr4zcG5Tw=="


#: Files of quickjs-ng that are compiled or included, and have a notice of copyright.
_QUICKJS = ("quickjs.c", "libregexp.c", "libunicode.c", "dtoa.c", "cutils.h", "list.h")
#: Most of the compiler's files are for other targets.
_OTHERS = re.compile(
    r"ziglang/lib/(libcxx|libcxxabi|libtsan|libunwind"
    r"|libc/(mingw|glibc|darwin|freebsd|netbsd|openbsd)|libc/include/(?!generic-musl|wasm-wasi))/"
)


class BuildError(Exception):
    """The engine cannot be built; the message says why and what would help."""


@dataclass(frozen=True)
class Sources:
    """Folders of what was fetched; ``zig`` is the compiler itself."""

    quickjs: Path
    sucrase: Path
    wasmtime: Path
    zig: Path

    def licenses(self) -> list[tuple[str, str]]:
        """What is in the engine, each with the text of its licence and its notices of copyright."""
        libc = self.zig.parent / "lib" / "libc"
        texts = [
            ("sucrase", self.sucrase.parent / "LICENSE"),
            ("wasi-libc", libc / "wasi" / "LICENSE-MIT"),
            ("musl", libc / "musl" / "COPYRIGHT"),
            ("zig compiler_rt", self.zig.parent / "LICENSE"),
        ]
        quickjs = "\n\n".join(_notice(self.quickjs / name) for name in _QUICKJS)
        return [("quickjs-ng", quickjs), *((name, file.read_text()) for name, file in texts)]


def _notice(file: Path) -> str:
    """The comment that a source file begins with: its licence."""
    comment = file.read_text().removeprefix("/*").partition("*/")[0]
    lines = (line.strip().removeprefix("*").strip() for line in comment.splitlines())
    return f"{file.name}: " + "\n".join(lines).strip() + "\n"


def fetch(work: Path) -> Sources:
    """Fetch, check and unpack everything below ``work``. Raises BuildError."""
    files = work / "files"
    files.mkdir(parents=True)
    _npm(files)
    _pip(work, files)
    wheels = {file.name.partition("-")[0]: file for file in files.iterdir()}
    for name in ("ziglang", "wasmtime"):
        with zipfile.ZipFile(wheels[name]) as wheel:
            wheel.extractall(work / name, [one for one in wheel.namelist() if not _OTHERS.match(one)])
    _untar(wheels["quickjs_ng"], work / "quickjs")
    _untar(wheels["sucrase"], work / "sucrase")
    zig = work / "ziglang" / "ziglang" / "zig"
    zig.chmod(0o755)
    (release,) = (work / "quickjs").iterdir()
    return Sources(
        release / "upstream-quickjs", work / "sucrase" / "package" / "dist", work / "wasmtime", zig
    )


def _pip(work: Path, files: Path) -> None:
    """By pip, which refuses any file of another digest."""
    for requirement, digests in PINS.items():
        listed = work / "requirements.txt"
        listed.write_text(" ".join([requirement, *(f"--hash=sha256:{digest}" for digest in digests)]))
        kind = "--no-binary" if requirement.startswith("quickjs") else "--only-binary"
        _run(
            [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes",
             "--no-build-isolation", kind, ":all:", "--dest", str(files), "--requirement", str(listed)],
            f"{requirement} for {platform.system()} {platform.machine()}",
            "check the connection to the package index, or install from a released wheel",
        )  # fmt: skip


def _npm(files: Path) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise BuildError(f"npm is not there, which fetches {NPM_PACKAGE}; install Node.js with npm")
    command = [npm, "pack", "--silent", "--pack-destination", str(files), NPM_PACKAGE]
    _run(command, NPM_PACKAGE, "check the connection to the registry of npm")
    name = NPM_PACKAGE.replace("@", "-") + ".tgz"
    found = base64.b64encode(hashlib.sha512((files / name).read_bytes()).digest()).decode()
    if found != NPM_INTEGRITY:
        raise BuildError(f"{name} is not the file it should be: its sha512 is {found}")


def _untar(file: Path, target: Path) -> None:
    with tarfile.open(file) as archive:
        archive.extraction_filter = getattr(tarfile, "data_filter", None)  # not in the first 3.11
        archive.extractall(target)


def _run(command: list[str], what: str, remedy: str) -> None:
    # The pip within would take the backend of the build that is going on for that of what it fetches.
    outer = ("_PYPROJECT_HOOKS_", "PEP517_")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(outer)}
    done = subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BuildError(f"{what} cannot be fetched; {remedy}\n{done.stderr.strip()[-2000:]}")
