"""Archives are made the same from the same files, and read with distrust."""

import hashlib
import io
import os
import stat
import struct
import zipfile

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from wfcore.errors import InvalidPackage
from wfcore.packages.archive import MAX_BYTES, read_archive, write_archive


def zipped(*entries, mode="w"):
    made = io.BytesIO()
    with zipfile.ZipFile(made, mode, zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return made.getvalue()


def told(content):
    with pytest.raises(InvalidPackage) as caught:
        read_archive(content)
    return caught.value.message


@pytest.fixture
def files(manifest):
    return [("plugin.yaml", manifest), ("plugin.wasm", b"\0asm")]


def test_what_is_in_it(package):
    content = package(module=b"\0asm123", files={"docs/more.md": b"x"})
    archive = read_archive(content)
    assert archive.digest == hashlib.sha256(content).hexdigest()
    assert (archive.module, archive.readme, archive.license) == (b"\0asm123", "# Slack", "MIT")
    assert archive.manifest.name == "community/slack"


def test_the_same_files_make_the_same_archive(monkeypatch):
    first = write_archive({"b": b"1", "a": b"2" * 1000})
    monkeypatch.setattr("time.time", lambda: 2e9)
    assert write_archive({"a": b"2" * 1000, "b": b"1"}) == first


def test_an_archive_of_another_tool_is_read(files):
    assert read_archive(zipped(*files)).manifest.version == "1.2.0"


@pytest.mark.parametrize("missing", ["plugin.yaml", "plugin.wasm"])
def test_both_files_are_needed(files, missing):
    assert f"{missing} is missing" in told(zipped(*(each for each in files if each[0] != missing)))


def test_faults_of_the_manifest_have_their_places(package):
    with pytest.raises(InvalidPackage) as caught:
        read_archive(package(manifest="plugin: 3\n"))
    assert caught.value.problems[0].line == 1


@pytest.mark.parametrize(
    "name", ["/etc/passwd", "../x", "a/../../x", "a//b", "./a", "C:x", "a\\b", "a\nb", "a/./b", "x" * 300]
)
def test_names_that_lead_elsewhere(files, name):
    assert "leads out of it" in told(zipped(*files, (name, b"x")))


@pytest.mark.parametrize("twin", ["plugin.yaml", "PLUGIN.yaml", "Plugin.WASM"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_name_twice(files, twin):
    assert "is there twice" in told(zipped(*files, (twin, b"x")))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFDIR, stat.S_IFCHR, stat.S_IFIFO])
def test_what_is_no_plain_file(files, kind):
    entry = zipfile.ZipInfo("link")
    entry.external_attr = (kind | 0o777) << 16
    assert "is no plain file" in told(zipped(*files, (entry, b"/etc/passwd")))


def test_too_many_files(files):
    assert "at most 100" in told(zipped(*files, *((f"f{n}", b"") for n in range(99))))


def test_too_large_an_archive():
    assert "at most" in told(b"PK\x03\x04" + bytes(MAX_BYTES))


def test_a_bomb(files):
    assert "would grow more than" in told(zipped(*files, ("README.md", bytes(2 << 20))))


def test_too_much_together(files):
    entries = [(f"n{n}", (os.urandom(64) + bytes(9000)) * 110) for n in range(70)]
    assert "more than" in told(zipped(*files, *entries))


def test_a_text_beyond_its_limit(files):
    assert "at most 1048576" in told(zipped(*files, ("LICENSE", os.urandom(1 << 20) + b"x")))


def test_an_encrypted_file(files):
    content = bytearray(zipped(*files))
    central = content.rindex(b"PK\x01\x02")
    content[central + 8] |= 1
    assert "encrypted" in told(bytes(content))


def test_overlapping_files(files):
    """Two names in the list, one body: the trick of bombs that need no nesting."""
    content = bytearray(zipped(*files, ("aa", b"x" * 50), ("bb", b"x" * 50)))
    entries = [at for at in range(len(content)) if content[at : at + 4] == b"PK\x01\x02"]
    content[entries[3] + 42 : entries[3] + 46] = content[entries[2] + 42 : entries[2] + 46]
    assert "overlap" in told(bytes(content))


@pytest.mark.parametrize("field", [4, 6, 8, 10, 12, 16, 20])
def test_an_end_that_lies(files, field):
    content = bytearray(zipped(*files))
    content[len(content) - 22 + field] ^= 1
    assert told(bytes(content))


def test_a_list_that_is_longer_than_its_end_says(files):
    """Nothing is made of its entries: a package of 64 MiB would have 1.4 million."""
    content = zipped(*files)
    at, end = content.index(b"PK\x01\x02"), bytearray(content[-22:])
    listed = content[at:-22] * 40
    end[12:16] = struct.pack("<I", len(listed))
    assert "its list of 2 files has" in told(content[:at] + listed + bytes(end))


@pytest.mark.parametrize("change", ["before", "after", "comment", "empty", "text"])
def test_what_is_no_plain_archive(files, change):
    content = zipped(*files)
    odd = {
        "before": b"#!/bin/sh\n" + content,
        "after": content + b"x",
        "comment": content[:-2] + struct.pack("<H", 3) + b"abc",
        "empty": b"",
        "text": b"plugin: 1\n" * 10,
    }
    assert told(odd[change])


def test_a_zip64_end(files):
    content = zipped(*files)
    locator = b"PK\x06\x07" + bytes(16)
    assert told(content[:-22] + locator + content[-22:])


def test_a_wrong_checksum(files):
    content = bytearray(zipped(*files))
    content[content.index(b"PK\x01\x02") + 16] ^= 1
    assert told(bytes(content))


RELAXED = settings(
    deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@RELAXED
@given(st.data())
def test_any_change_gives_a_package_or_a_refusal(package, data):
    content = bytearray(package())
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, 3))
    changed = bytes(content) if cut else bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        assert read_archive(changed).manifest.name
    except InvalidPackage as error:
        assert error.message


@RELAXED
@given(st.binary(max_size=300))
def test_any_bytes_are_refused(content):
    for odd in (content, b"PK\x03\x04" + content + b"PK\x05\x06" + bytes(18)):
        with pytest.raises(InvalidPackage):
            read_archive(odd)


def test_bytes_that_are_in_no_list(files):
    """Between two files, and before the first: nobody would see them, and they would be signed too."""
    content = zipped(*files)
    second = content.index(b"PK\x03\x04", 4)
    for place in (second, 0):
        hidden = bytearray(content[:place] + (b"PK\x03\x04" + b"hidden" * 5) + content[place:])
        length = 34
        for at in range(len(hidden)):
            if hidden[at : at + 4] == b"PK\x01\x02":
                offset = int.from_bytes(hidden[at + 42 : at + 46], "little")
                moved = offset + length if offset >= place else offset
                hidden[at + 42 : at + 46] = moved.to_bytes(4, "little")
        start = int.from_bytes(hidden[-6:-2], "little") + length
        hidden[-6:-2] = start.to_bytes(4, "little")
        assert "that are in no list" in told(bytes(hidden))
