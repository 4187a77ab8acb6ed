"""Content-addressed files: safe against crashes, damage and a sweep at the wrong moment."""

import os
import time

import pytest

from wfcore.api import Unavailable
from wfcore_plugins.storage.blobs import Blobs


@pytest.fixture
def blobs(tmp_path):
    return Blobs(tmp_path / "blobs")


def place(blobs, digest):
    return blobs._path(digest)


def test_a_file_is_named_by_its_digest(blobs, tmp_path):
    digest = blobs.put(b"abc")
    assert digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert (tmp_path / "blobs" / "ba" / digest[2:]).read_bytes() == b"abc"


def test_putting_again_does_not_write_again(blobs):
    digest = blobs.put(b"abc")
    inode = place(blobs, digest).stat().st_ino
    os.utime(place(blobs, digest), (0, 0))
    blobs.put(b"abc")
    assert place(blobs, digest).stat().st_ino == inode
    assert place(blobs, digest).stat().st_mtime > time.time() - 60


def test_damage_is_noticed(blobs):
    digest = blobs.put(b"abc")
    place(blobs, digest).write_bytes(b"abd")
    with pytest.raises(Unavailable, match="damaged"):
        blobs.get(digest)


def test_a_place_that_cannot_be_written(blobs, tmp_path):
    (tmp_path / "blobs").write_text("a file")
    with pytest.raises(Unavailable, match="cannot be stored"):
        blobs.put(b"abc")


def test_a_failed_write_leaves_no_file(blobs, tmp_path, monkeypatch):
    def fail(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(Unavailable, match="No space left"):
        blobs.put(b"abc")
    monkeypatch.undo()
    assert [path for path in (tmp_path / "blobs").rglob("*") if path.is_file()] == []


def test_a_sweep_clears_what_a_crash_left_half_written(blobs):
    digest = blobs.put(b"abc")
    leftover = place(blobs, digest).with_name(".tmpx")
    leftover.write_bytes(b"half")
    os.utime(leftover, (0, 0))
    assert blobs.sweep(time.time() - 60, 10, lambda digests: set()) == 1
    assert not leftover.exists()
    assert blobs.get(digest) == b"abc"


def test_content_put_while_a_sweep_decides_survives(blobs):
    digest = blobs.put(b"abc")
    os.utime(place(blobs, digest), (0, 0))

    def nobody(digests):
        blobs.put(b"abc")
        return set()

    assert blobs.sweep(time.time() - 60, 10, nobody) == 0
    assert blobs.get(digest) == b"abc"


def test_a_sweep_is_bounded(blobs):
    for n in range(1200):
        path = place(blobs, f"{n:064x}")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        os.utime(path, (0, 0))
    assert blobs.sweep(60, 600, lambda digests: set()) == 1000
    assert blobs.sweep(60, 600, lambda digests: set()) == 200
