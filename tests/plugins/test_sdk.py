"""The TypeScript SDK under Node's test runner; its types are removed by the engine, so nothing is fetched."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.engine_js.host import Machine
from wfcore.packages import scaffold

SDK = Path(__file__).parents[2] / "sdk" / "typescript"
PACKAGE = json.loads((SDK / "package.json").read_text())


def node():
    """Node's program, if it is of a version that the SDK supports."""
    program = shutil.which("node")
    if program is None:
        return None
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=True).stdout
    return program if int(re.match(r"v(\d+)", text)[1]) >= 20 else None


@pytest.fixture
def package(tmp_path):
    """A folder in which the package is installed as `npm pack` has it."""
    place = tmp_path / "node_modules" / "@workflow" / "plugin-sdk"
    stripper = Machine("typescript.wasm")
    for source in (SDK / "src").rglob("*.ts"):
        status, made = stripper.fresh().invoke(
            {"source": source.read_text(), "file": source.name}, action="strip"
        )
        assert status == 0, made
        target = place / "dist" / source.relative_to(SDK / "src").with_suffix(".js")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(made["code"])
    shutil.copy(SDK / "package.json", place)
    shutil.copytree(SDK / "test", tmp_path / "test")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    return tmp_path


def test_its_own_tests_pass(package):
    program = node()
    if program is None:
        pytest.skip("Node 20 or newer is needed")
    files = sorted(str(file) for file in (package / "test").glob("*.test.js"))
    ended = subprocess.run(
        [program, "--test", *files], cwd=package, capture_output=True, text=True, timeout=60
    )
    assert ended.returncode == 0, ended.stdout


def test_what_it_exports_is_in_the_package():
    for entry in PACKAGE["exports"].values():
        for path in entry.values() if isinstance(entry, dict) else [entry]:
            if path.startswith("./dist/"):
                source = path.removeprefix("./dist/").removesuffix(".d.ts").removesuffix(".js")
                assert (SDK / "src" / f"{source}.ts").is_file()
            else:
                assert (SDK / path).is_file()
                assert path in ("./package.json", *(f"./{name}" for name in PACKAGE["files"]))


def test_what_is_needed_to_build_it_is_pinned():
    lock = json.loads((SDK / "package-lock.json").read_text())["packages"]
    assert "dependencies" not in PACKAGE
    for name, version in PACKAGE["devDependencies"].items():
        assert lock[f"node_modules/{name}"]["version"] == version
    assert all("resolved" not in one for one in lock.values())
    assert all("integrity" in one for name, one in lock.items() if name)


def test_new_projects_ask_for_this_version():
    template = Path(scaffold.__file__).parent / "templates" / "ts" / "package.json"
    wanted = json.loads(template.read_text())["devDependencies"]["@workflow/plugin-sdk"]
    assert wanted == f"^{PACKAGE['version']}"


def test_the_engine_has_the_globals_that_are_declared():
    text = (SDK / "engine.d.ts").read_text() + (SDK / "src" / "errors.ts").read_text()
    names = re.findall(r"^(?:declare var|declare function|  class) (\w+)", text, re.MULTILINE)
    assert {"TerminalError", "console", "btoa"} <= set(names)
    for name in names:
        engine = Machine("quickjs.wasm").fresh()
        assert engine.load(f"export default () => typeof {name}")[0] == 0
        assert engine.invoke() != (0, "undefined"), name
