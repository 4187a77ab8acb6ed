"""The Dockerfile of the registry, as far as it can be seen without a container engine; its wheel."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

import wfcore

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stages():
    spec = importlib.util.spec_from_file_location("dockerfile", ROOT / "deploy" / "dockerfile.py")
    module = sys.modules["dockerfile"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.read(ROOT / "registry" / "Dockerfile"), module.read(ROOT / "Dockerfile")


def test_it_has_the_base_of_the_server_and_runs_as_nobody_important(stages):
    (build, final), server = stages
    assert {build.base, final.base} == {stage.base for stage in server}
    words = [step.word for step in final.steps]
    assert final.last("USER").rest == "wfregistry"
    assert "RUN" not in words[words.index("USER") :]
    assert final.last("VOLUME").rest == final.last("WORKDIR").rest == "/var/lib/wfregistry"
    command = [*final.last("ENTRYPOINT").arguments, *final.last("CMD").arguments]
    assert command == ["wfregistry", "serve", "--host", "0.0.0.0"]


def test_what_it_copies_is_there_and_is_sent_to_the_engine(stages):
    ((build, _), _) = stages
    sent = [
        line.removeprefix("!")
        for line in (ROOT / "registry" / "Dockerfile.dockerignore").read_text().splitlines()
        if line[:1] == "!"
    ]
    for step in build.steps:
        for source in step.arguments[:-1] if step.word == "COPY" else ():
            assert (ROOT / source).exists(), source
            assert any(source == one or source.startswith(f"{one}/") for one in sent), source


def test_the_command_of_the_image_is_one(stages):
    ((_, final), _) = stages
    words = final.last("CMD").arguments
    done = subprocess.run(
        [sys.executable, "-m", "wfregistry", *words, "--help"],
        env={"PYTHONPATH": str(ROOT / "registry"), "PATH": ""},
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, "--host" in done.stdout) == (0, True), done.stderr


def test_the_wheel_has_the_command_and_its_dependencies(tmp_path):
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(ROOT / "registry")],
        capture_output=True, text=True, timeout=110,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr[-2000:]
    import zipfile

    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (points,) = (name for name in names if name.endswith("entry_points.txt"))
        assert "wfregistry = wfregistry.__main__:main" in archive.read(points).decode()
        (metadata,) = (name for name in names if name.endswith("METADATA"))
        told = archive.read(metadata).decode()
        for name in ("falcon", "peewee", "psycopg2-binary", "waitress"):
            assert f"Requires-Dist: {name}" in told
        release = f"Requires-Dist: workflow-engine=={wfcore.__version__}"
        assert release in told, "it uses more of it than wfcore.api, and goes with its release"
        assert "wfregistry/py.typed" in names
        assert not [name for name in names if name.startswith("plugins")]
