"""The wheel, made from the sdist: what it holds, and that it works alone in a new environment."""

import ast
import configparser
import email
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("wfcore", "wfcore_plugins")
#: The base of stored secrets, and data that zoneinfo finds by itself.
NOT_IMPORTED = {"cryptography", "keyring", "tzdata"}

pytestmark = pytest.mark.timeout(600)


def configuration():
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg")
    return parser


def entries(text):
    return [line.strip() for line in text.splitlines() if line.strip()]


def modules():
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*"):
            if file.suffix == ".py" or file.name == "py.typed":
                yield file.relative_to(ROOT).as_posix()


def data():
    """What is no code: the engine, and the templates of new plugins."""
    for file in (ROOT / "wfcore" / "packages" / "templates").rglob("*"):
        if file.is_file():
            yield file.relative_to(ROOT).as_posix()
    for name in ("quickjs.wasm", "typescript.wasm", "LICENSES.txt"):
        yield f"wfcore_plugins/runtimes/wasm/engine/{name}"


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    """Built as a release would be, from a copy, so that nothing is left in the tree."""
    place = tmp_path_factory.mktemp("build")
    for name in ("setup.cfg", "pyproject.toml", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, place)
    for name in (*PACKAGES, "sdk", "tests"):
        shutil.copytree(ROOT / name, place / name, ignore=shutil.ignore_patterns("__pycache__", "*.wasm"))
    run(sys.executable, "-m", "build", place, cwd=place)
    (found,) = (place / "dist").glob("*.whl")
    return found


@pytest.fixture(scope="session")
def environment(wheel, tmp_path_factory):
    """A new environment that holds the wheel and what it asks for; the directory of its programs."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=True)
    run(place / "bin" / "python", "-m", "pip", "install", "-q", wheel, cwd=place)
    return place / "bin"


def run(*words, cwd):
    hidden = ("WORKFLOW_", "PYTHONPATH")
    environ = {name: value for name, value in os.environ.items() if not name.startswith(hidden)}
    ended = subprocess.run(
        list(map(str, words)), cwd=cwd, env=environ, stdin=subprocess.DEVNULL, capture_output=True, text=True
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def member(wheel, name):
    with zipfile.ZipFile(wheel) as archive:
        (found,) = (one for one in archive.namelist() if one.endswith(f".dist-info/{name}"))
        return archive.read(found).decode()


def test_the_entry_points_are_those_of_setup_cfg(wheel):
    built = configparser.ConfigParser()
    built.read_string(member(wheel, "entry_points.txt"))
    wanted = {group: entries(text) for group, text in configuration()["options.entry_points"].items()}
    assert {group: [f"{k} = {v}" for k, v in built[group].items()] for group in built.sections()} == wanted
    assert all(lines == sorted(lines) for lines in wanted.values())


def test_it_asks_for_what_setup_cfg_says(wheel):
    metadata = email.message_from_string(member(wheel, "METADATA"))
    asked = [one for one in metadata.get_all("Requires-Dist") if "extra ==" not in one]
    assert sorted(asked) == sorted(entries(configuration()["options"]["install_requires"]))
    assert (metadata["Name"], metadata["Requires-Python"]) == ("workflow-engine", ">=3.11")
    assert (metadata["License-Expression"] or metadata["License"]) == "Apache-2.0"
    assert metadata.get_payload().startswith("# ")


def test_it_holds_every_module_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert names == {*modules(), *data()}
    assert wheel.name.endswith("-py3-none-any.whl")


def test_every_dependency_is_imported_by_somebody():
    imported = set()
    for name in modules():
        if name.endswith(".py"):
            for node in ast.walk(ast.parse((ROOT / name).read_text())):
                if isinstance(node, ast.Import):
                    imported |= {alias.name.partition(".")[0] for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and not node.level:
                    imported.add(node.module.partition(".")[0])
    distributions = packages_distributions()
    used = {canonical(one) for name in imported for one in distributions.get(name, [])}
    asked = {canonical(one) for one in entries(configuration()["options"]["install_requires"])}
    assert asked - used <= NOT_IMPORTED
    assert used - asked <= {"workflow-engine"}


def canonical(requirement):
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=!~ \[]", requirement)[0]).lower()


def test_alone_it_shows_its_version_and_its_plugins(environment, tmp_path):
    version = json.loads(run(environment / "workflow", "--version", "--json", cwd=tmp_path))["version"]
    assert run(environment / "python", "-m", "wfcore", "--version", cwd=tmp_path) == f"workflow {version}\n"
    listed = json.loads(run(environment / "workflow", "plugin", "list", "--json", cwd=tmp_path))["plugins"]
    groups = configuration()["options.entry_points"]
    plugins = (lines for group, lines in groups.items() if group != "console_scripts")
    wanted = {line.partition(" = ")[2] for lines in plugins for line in entries(lines)}
    assert {one["entry_point"] for one in listed} == wanted
    assert {(one["distribution"], one["version"], one["error"]) for one in listed} == {
        ("workflow-engine", version, None)
    }


def test_from_the_sdist_it_is_built_without_a_registry_or_node(wheel, tmp_path):
    (sdist,) = wheel.parent.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    environ = {"PATH": "", "XDG_CACHE_HOME": str(tmp_path / "cache"), "HOME": str(tmp_path)}
    code = "import sys; sys.path.insert(0, 'sdk/engine'); import engine_backend as b\n"
    code += "print(b.build_wheel('made'))"
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=source, env=environ, capture_output=True, text=True, check=True
    )
    assert ended.stdout.splitlines()[-1] == wheel.name
    assert not (tmp_path / "cache").exists(), "nothing was fetched or built"


def test_alone_it_runs_a_workflow_without_node_or_a_compiler(environment, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(environment))
    assert not any(shutil.which(tool) for tool in ("node", "npm", "cc", "gcc", "clang", "zig"))
    (tmp_path / "sum.yaml").write_text(
        "tasks: {a: {type: core/code, inputs: {n: 2}, source: 'export default (d: any) => d.n as number'}}\n"
        "outputs: {n: '{{ tasks.a.output + 1 }}'}\n"
    )
    ended = json.loads(run(environment / "workflow", "run", "sum.yaml", "--json", cwd=tmp_path))
    assert (ended["state"], ended["outputs"]) == ("SUCCESS", {"n": 3})
