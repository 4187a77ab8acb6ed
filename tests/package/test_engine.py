"""The build of the JavaScript engine: what it fetches is checked, and what it makes is what was reviewed."""

import base64
import hashlib
import re
import subprocess
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def build(monkeypatch, tmp_path):
    """The build's module, with a cache of its own."""
    monkeypatch.syspath_prepend(str(ROOT / "sdk" / "engine"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    import engine_build

    return engine_build


@pytest.fixture
def sources(build):
    """The module that fetches."""
    import engine_sources

    return engine_sources


def installed():
    """The engine that this environment runs on."""
    import wfcore_plugins.runtimes.wasm as runtime

    return Path(runtime.__file__).parent / "engine"


def copied(build, monkeypatch):
    """Building takes the files of this installation; gives the list of the builds."""
    made = []

    def copies(work, target):
        made.append(work)
        for file in installed().iterdir():
            (target / file.name).write_bytes(file.read_bytes())

    monkeypatch.setattr(build, "_build", copies)
    return made


def test_the_engine_of_this_installation_is_the_one_that_the_build_makes(build):
    assert build.is_complete(installed())
    texts = (installed() / build.LICENSES).read_text()
    for name in ("quickjs-ng", "sucrase", "wasi-libc", "zig compiler_rt"):
        assert f"\n{name}\n=" in f"\n{texts}", name


def test_what_is_there_is_not_built_again(build, tmp_path, monkeypatch):
    target = tmp_path / "engine"
    target.mkdir()
    for file in installed().iterdir():
        (target / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr(build, "_build", None)  # calling it would be an error
    build.ensure(target)
    assert not (tmp_path / "cache").exists()


def test_an_artefact_that_was_changed_is_replaced_from_the_cache(build, tmp_path, monkeypatch):
    made = copied(build, monkeypatch)
    target = tmp_path / "engine"
    build.ensure(target)
    (target / "quickjs.wasm").write_bytes(b"\0asm\1\0\0\0")
    build.ensure(target)
    assert build.is_complete(target)
    assert len(made) == 1


def test_another_result_than_the_reviewed_one_is_an_error(build, sources, tmp_path, monkeypatch):
    monkeypatch.setattr(build, "_build", lambda work, made: (made / "quickjs.wasm").write_bytes(b"other"))
    with pytest.raises(sources.BuildError, match=r"quickjs\.wasm"):
        build.ensure(tmp_path / "engine")
    assert not (tmp_path / "engine").exists()


def test_environments_that_are_made_at_once_build_once(build, tmp_path, monkeypatch):
    made = copied(build, monkeypatch)
    threads = [threading.Thread(target=build.ensure, args=(tmp_path / f"engine-{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1
    assert all(build.is_complete(tmp_path / f"engine-{n}") for n in range(4))


def test_a_file_of_another_digest_is_refused_by_pip(sources, tmp_path, monkeypatch):
    monkeypatch.setattr(sources, "PINS", {"wasmtime==50.0.1": ("0" * 64,)})
    with pytest.raises(sources.BuildError, match=r"wasmtime==50\.0\.1 .* cannot be fetched"):
        sources._pip(tmp_path, tmp_path)


def test_a_package_of_npm_of_another_digest_is_refused(sources, tmp_path, monkeypatch):
    (tmp_path / "sucrase-3.35.1.tgz").write_bytes(b"other")
    monkeypatch.setattr(sources, "_run", lambda *given: None)
    digest = base64.b64encode(hashlib.sha512(b"other").digest()).decode()
    with pytest.raises(sources.BuildError, match=re.escape(digest)):
        sources._npm(tmp_path)


def test_without_npm_the_error_says_so(sources, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(sources.BuildError, match=r"npm is not there.*install Node\.js"):
        sources._npm(tmp_path)


def test_every_pin_is_a_digest(sources):
    for requirement, digests in sources.PINS.items():
        assert requirement.count("==") == 1
        assert all(len(bytes.fromhex(digest)) == 32 for digest in digests)
    assert len(base64.b64decode(sources.NPM_INTEGRITY)) == 64


def test_the_artefacts_are_in_no_commit():
    listed = subprocess.run(
        ["git", "ls-files", "*.wasm"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert listed.stdout == ""
