"""Envelopes open with their own key and in their own place, and else not at all."""

import base64

import pytest

from wfcore.secrets import envelope
from wfcore.secrets.envelope import Broken, close, new_key


def test_an_envelope_gives_back_what_was_put_in():
    key = new_key()
    for plain in (b"", b"x", "ü\n".encode() * 1000):
        assert envelope.open(key, close(key, plain, b"place"), b"place") == plain


def test_the_same_value_never_looks_the_same():
    key = new_key()
    assert close(key, b"value", b"p") != close(key, b"value", b"p")
    assert b"value" not in base64.b64decode(close(key, b"value", b"p"))


def test_another_place_or_key_does_not_open_it():
    key = new_key()
    sealed = close(key, b"value", b"place")
    for other, place in ((new_key(), b"place"), (key, b"elsewhere"), (key, b"")):
        with pytest.raises(Broken):
            envelope.open(other, sealed, place)


def test_every_byte_counts():
    key = new_key()
    content = base64.b64decode(close(key, b"value", b"p"))
    for index in range(len(content)):
        changed = bytearray(content)
        changed[index] ^= 1
        with pytest.raises(Broken):
            envelope.open(key, base64.b64encode(changed).decode(), b"p")


@pytest.mark.parametrize("text", ["", "AQ==", "no base64!", "A" * 200, "ü"])
def test_what_is_no_envelope_is_broken(text):
    with pytest.raises(Broken):
        envelope.open(new_key(), text, b"p")


def test_the_id_of_a_key_is_stable_and_not_the_key():
    key = new_key()
    assert envelope.key_id(key) == envelope.key_id(bytes(key)) != envelope.key_id(new_key())
    assert envelope.key_id(key) not in key.hex()
