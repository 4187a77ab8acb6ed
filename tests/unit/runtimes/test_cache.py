"""What was compiled is kept, trusted when it is whole and ours alone, else made again."""

import hashlib
import os
import shutil

import pytest

from wfcore_plugins.runtimes.wasm.artefacts import Artefacts


@pytest.fixture
def artefacts(tmp_path):
    return Artefacts(tmp_path / "cache" / "wasm")


def never():
    raise AssertionError("it is there")


def only(tmp_path):
    (file,) = (tmp_path / "cache" / "wasm").iterdir()
    return file


def test_what_was_made_is_not_made_again(artefacts):
    assert artefacts.get("a", lambda: b"1") == b"1"
    assert artefacts.get("a", never) == b"1"
    assert artefacts.get("b", lambda: b"2") == b"2"


def test_what_is_forgotten_is_made_again(artefacts):
    artefacts.get("a", lambda: b"1")
    artefacts.drop("a")
    artefacts.drop("a")
    assert artefacts.get("a", lambda: b"2") == b"2"


@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_a_file_that_others_may_write_is_not_read(artefacts, tmp_path, mode):
    artefacts.get("a", lambda: b"1")
    only(tmp_path).chmod(mode)
    assert artefacts.get("a", lambda: b"2") == b"2"
    assert only(tmp_path).stat().st_mode & 0o777 == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_of_another_user_is_not_read(artefacts, tmp_path):
    artefacts.get("a", lambda: b"1")
    os.chown(only(tmp_path), 12345, 12345)
    assert artefacts.get("a", lambda: b"2") == b"2"


def test_a_directory_that_cannot_be_written_costs_only_time(tmp_path):
    (tmp_path / "cache").write_text("in the way")
    artefacts = Artefacts(tmp_path / "cache")
    assert artefacts.get("a", lambda: b"1") == b"1"
    assert artefacts.get("a", lambda: b"2") == b"2"


def test_what_was_not_used_for_longest_makes_room(artefacts, tmp_path, monkeypatch):
    monkeypatch.setattr("wfcore_plugins.runtimes.wasm.artefacts._MOST", 400)
    for number, key in enumerate("abc"):
        artefacts.get(key, lambda: b"x" * 100)
        for file in (tmp_path / "cache" / "wasm").iterdir():
            os.utime(file, (file.stat().st_mtime - 10 * number,) * 2)
    artefacts.get("a", never)
    artefacts.get("d", lambda: b"y" * 100)
    assert artefacts.get("a", never) == b"x" * 100
    assert artefacts.get("b", lambda: b"again") == b"again"


def test_nothing_is_left_of_what_could_not_be_made(artefacts, tmp_path):
    with pytest.raises(LookupError):
        artefacts.get("a", lambda: {}["a"])
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("source", ["export default () => 1", "export default () => 2"])
@pytest.mark.parametrize("language", ["js", "ts"])
def test_machine_code_that_a_process_refuses_is_compiled_again(fresh, tmp_path, language, source):
    first = fresh(data_dir=tmp_path)
    assert first.invoke(first.js("export default () => 1", language)) == 1
    for file in (tmp_path / "cache" / "wasm").iterdir():
        if file.stat().st_size > 1 << 20:  # as if another computer had written it
            foreign = b"\x7fELF" + bytes(100)
            file.write_bytes(hashlib.sha256(foreign).digest() + foreign)
    second = fresh(data_dir=tmp_path)
    assert second.invoke(second.js(source, language)) == int(source[-1])


def test_the_data_directory_may_go_while_the_server_runs(fresh, tmp_path):
    bench = fresh(data_dir=tmp_path)
    assert bench.run("export default () => 1") == 1
    shutil.rmtree(tmp_path / "cache")
    assert bench.run("export default () => 2") == 2
