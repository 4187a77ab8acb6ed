"""The index: what is written can be read, and any change of it is refused."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfcore.errors import InvalidPackage
from wfcore.packages import index, minisign
from wfcore.plugins.registry import Revocation

NOW = 1_767_225_600_000_000
KEY = minisign.generate()
LISTED = index.Listed("acme/hi", "a" * 64, "1.0.0", "Says hello — ü.")
TOP = index.Top(
    "main",
    7,
    NOW,
    NOW + 1_000_000,
    {"acme/hi": LISTED},
    (Revocation("b" * 64, "acme/hi", "0.9.0", "it steals"),),
)
RELEASES = [
    index.Release("1.0.0", "c" * 64, 10, "2026-01-01T00:00:00+00:00", {"kv": True}, "sig", "first", ""),
    index.Release("1.10.0", "d" * 64, 10, "2026-01-02T00:00:00+00:00", {}, "", "", "It hangs."),
]
ENVELOPE = index.write_top(TOP, KEY)


def read(content=ENVELOPE, *keys):
    return index.read_top(content, keys or [KEY.public()], "main")


def test_what_is_written_can_be_read():
    top = read()
    assert replace(top, digest="", key="") == TOP
    assert (top.key, len(top.digest)) == (KEY.id, 64)
    assert read(ENVELOPE, minisign.generate().public(), KEY.public()) == top, "one of the keys"


def test_a_document_is_the_one_that_is_listed():
    import hashlib

    content = index.write_document("acme/hi", RELEASES)
    listed = replace(LISTED, document=hashlib.sha256(content).hexdigest())
    assert index.read_document(content, listed, "main") == RELEASES[::-1], "newest first"
    with pytest.raises(InvalidPackage, match="not the one that is listed"):
        index.read_document(content + b" ", listed, "main")
    other = index.write_document("acme/other", RELEASES)
    with pytest.raises(InvalidPackage, match="is about 'acme/other'"):
        index.read_document(other, replace(LISTED, document=hashlib.sha256(other).hexdigest()), "main")
    twice = index.write_document("acme/hi", [RELEASES[0], RELEASES[0]])
    with pytest.raises(InvalidPackage, match="lists a version twice"):
        index.read_document(twice, replace(LISTED, document=hashlib.sha256(twice).hexdigest()), "main")


@pytest.mark.parametrize(
    "changed",
    [
        replace(TOP, packages={"../etc": replace(LISTED, name="../etc")}),
        replace(TOP, packages={"acme/hi": replace(LISTED, document="../x")}),
        replace(TOP, revoked=(Revocation("x", "a/b", "1.0.0", "r"),)),
    ],
)
def test_signed_nonsense_is_nonsense(changed):
    with pytest.raises(InvalidPackage, match="no index"):
        read(index.write_top(changed, KEY))


def test_an_index_only_goes_forward():
    top = read()
    seen = index.as_seen(top)
    index.expect_fresh(top, None, NOW, "main")
    index.expect_fresh(top, seen, NOW, "main")
    index.expect_fresh(replace(top, serial=8, digest="x"), seen, NOW, "main")
    index.expect_fresh(replace(top, serial=1, key="other"), seen, NOW, "main")
    for other, at, message in (
        (replace(top, serial=6), NOW, "but 7 was there before"),
        (replace(top, digest="x"), NOW, "under the serial 7"),
        (top, NOW + 1_000_000, "has expired"),
    ):
        with pytest.raises(InvalidPackage, match=message):
            index.expect_fresh(other, seen, at, "main")


@given(st.data())
def test_any_change_of_the_envelope_is_refused_or_nothing(data):
    at = data.draw(st.integers(0, len(ENVELOPE) - 1))
    changed = bytearray(ENVELOPE)
    changed[at] ^= data.draw(st.integers(1, 255))
    try:
        assert read(bytes(changed)) == read(), "such as an untrusted comment"
    except InvalidPackage as error:
        assert "main" in error.message or "minisign" in error.message


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b"null", b'{"signed": 1, "signature": 2}', b"\xff", b"[" * 10_000]
)
def test_what_is_no_index(content):
    with pytest.raises(InvalidPackage, match="main cannot be trusted"):
        read(content)


def test_a_key_twice_is_refused():
    doubled = ENVELOPE.replace(b'{"signed"', b'{"signed": "x", "signed"')
    with pytest.raises(InvalidPackage, match="twice"):
        read(doubled)
