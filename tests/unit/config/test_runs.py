"""Runs without a server: found by their id, and forgotten in time."""

import os

from wfcore.config import runs

ID = "01a20a10-471c-7e20-9cf3-1734ad7641b5"


def made(data_dir, age=0.0):
    file = runs.database(data_dir, ID)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.touch()
    file.with_name(f"{file.name}-wal").touch()
    (file.parent / f"{ID}.blobs").mkdir(exist_ok=True)
    when = file.stat().st_mtime - age
    os.utime(file, (when, when))
    return file


def test_only_ids_are_found(tmp_path):
    made(tmp_path)
    assert runs.has_run(tmp_path, ID)
    assert not runs.has_run(tmp_path, ID.replace("0", "1"))
    assert not runs.has_run(tmp_path, f"../runs/{ID}")
    assert not runs.has_run(tmp_path, ID.upper())


def test_old_ones_go_with_all_that_is_theirs(tmp_path):
    runs.forget_old(tmp_path, 10.0)
    file = made(tmp_path, age=5)
    other = file.with_name("mine.sqlite")
    other.touch()
    os.utime(other, (0, 0))
    runs.forget_old(tmp_path, 10.0)
    assert file.exists()
    runs.forget_old(tmp_path, 1.0)
    assert list(file.parent.iterdir()) == [other]


def test_one_that_is_in_use_stays(tmp_path):
    file = made(tmp_path, age=100)
    file.with_name(f"{file.name}.lock").touch()
    runs.forget_old(tmp_path, 1.0)
    assert file.exists()
