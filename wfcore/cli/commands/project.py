"""``workflow plugin init|build|test``: plugin projects on this machine."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from wfcore.cli.output import Answer, Line, Styled
from wfcore.cli.session import Session


def init(_session: Session, name: str, *, language: str = "ts") -> Answer:
    """Make a plugin project that builds and passes its tests at once.

    Args:
        name (NAME): The plugin, as name or namespace/name; its folder gets the name.
        language (LANGUAGE): ts, c or zig.
    """
    from wfcore.cli.projects import written
    from wfcore.packages.scaffold import scaffold

    with written(name):
        made = [str(file) for file in scaffold(name, language, Path())]
    folder = name.rpartition("/")[2]
    lines: list[Line] = [*(f"created  {file}" for file in made), "", f"next: workflow plugin test {folder}"]
    return Answer({"files": made}, lines)


def build(session: Session, folder: str = ".", *, output: str | None = None) -> Answer:
    """Build the package of a plugin project.

    TypeScript is bundled by the project's esbuild if `npm install` has brought one; without Node a single
    file, src/index.ts, is enough. C and Zig need the Zig compiler (pip install ziglang).

    Args:
        folder (FOLDER): The project.
        output (FILE): Where the package is written, instead of dist/NAME-VERSION.wfp in the project.
    """
    from wfcore.cli.projects import built, written

    made = built(session, folder)
    target = Path(output) if output else Path(folder) / "dist" / made.manifest.file_name
    with written(str(target)):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(made.archive)
    digest = hashlib.sha256(made.archive).hexdigest()
    manifest, size = made.manifest, len(made.archive)
    data = {"name": manifest.name, "version": manifest.version, "file": str(target)}
    lines: list[Line] = [f"{target}  {size} bytes", f"sha256={digest}"]
    return Answer({**data, "size": size, "digest": digest}, lines)


def test(session: Session, folder: str = ".", *, abi: str | None = None) -> Answer:
    """Run the tests of a plugin project, in the sandbox and with its permissions.

    The cases stand in plugin.test.yaml; what the world answers stands there too. With --abi a module is
    tried for what the plugin ABI asks of it.

    Args:
        folder (FOLDER): The project.
        abi (FILE): A module (.wasm) whose keeping of the ABI is tried, instead of a project.
    """
    return _abi(session, abi) if abi else _cases(session, Path(folder))


def _cases(session: Session, folder: Path) -> Answer:
    import logging

    from wfcore.cli.projects import runtimes
    from wfcore.cli.sources import read
    from wfcore.errors import NotFound
    from wfcore.packages.project import build as make
    from wfcore.packages.trial.cases import FILE, cases
    from wfcore.packages.trial.judge import judge
    from wfcore.plugins.contracts import Module

    logging.getLogger("workflow.permissions").setLevel(logging.CRITICAL)  # what is denied is in a case's log
    with runtimes(session) as runtime:
        made = make(folder, runtime)
        if not (folder / FILE).exists():
            raise NotFound(
                f"{folder} has no tests", remedy=f"write {FILE}; the documentation says what it has"
            )
        found = cases(read(str(folder / FILE)), str(folder / FILE), made.manifest)
        module = Module(hashlib.sha256(made.module).hexdigest(), lambda: made.module)
        verdicts = [judge(case, made.manifest, module, runtime(made.manifest.runtime)) for case in found]
    lines: list[Line] = []
    for one in verdicts:
        lines.append([_mark(not one.failures), f"  {one.name}"])
        lines += [f"      {text}" for failure in one.failures for text in failure.splitlines()]
        lines += [Styled(f"      log: {text}", "dim") for text in one.logs if one.failures]
    failed = sum(bool(one.failures) for one in verdicts)
    lines += ["", f"{len(verdicts) - failed} passed, {failed} failed"]
    data = [{"name": one.name, "failures": list(one.failures), "logs": list(one.logs)} for one in verdicts]
    return Answer({"tests": data, "failed": failed}, lines, 1 if failed else 0)


def _abi(session: Session, file: str) -> Answer:
    from wfcore.cli.projects import runtimes
    from wfcore.cli.sources import read
    from wfcore.packages.archive import MAX_MODULE
    from wfcore.packages.conformance import conform

    with runtimes(session) as runtime:
        checks = list(conform(read(file, MAX_MODULE), runtime("wasm")))
    lines: list[Line] = []
    for one in checks:
        mark = Styled("skip", "dim") if one.skipped else _mark(not one.fault)
        lines.append([mark, f"  {one.name}"])
        lines += [f"      {one.fault}"] if one.fault else []
    failed = sum(bool(one.fault) for one in checks)
    lines += ["", f"{len(checks) - failed} passed or skipped, {failed} failed"]
    data: list[dict[str, Any]] = [
        {"name": one.name, "fault": one.fault, "skipped": one.skipped} for one in checks
    ]
    return Answer({"checks": data, "failed": failed}, lines, 1 if failed else 0)


def _mark(good: bool) -> Styled:
    return Styled("ok  ", "green") if good else Styled("FAIL", "red")
