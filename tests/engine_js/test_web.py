"""The globals of the web: text to bytes and back, against Python's own codecs."""

import base64
import random

import pytest


def marked(content):
    return {"$bytes": base64.b64encode(content).decode()}


@pytest.mark.parametrize(
    "text", ["", "a", "é€😀", "\x00\x7f\x80\u07ff\u0800\uffff\U00010000\U0010ffff", "x" * 10_000]
)
def test_text_becomes_its_bytes_and_again_text(value, text):
    assert value("new TextEncoder().encode(input)", text) == marked(text.encode())
    assert value("new TextDecoder('utf-8', {ignoreBOM: true}).decode(input)", marked(text.encode())) == text


def test_half_of_a_pair_is_replaced(value):
    assert value(r"new TextEncoder().encode('a\ud800b')") == marked("a\ufffdb".encode())


def test_bytes_that_are_no_utf8_are_replaced_as_the_standard_has_it(value):
    draw = random.Random(7)
    pool = [
        0x00,
        0x41,
        0x7F,
        0x80,
        0x9F,
        0xA0,
        0xBF,
        0xC0,
        0xC2,
        0xDF,
        0xE0,
        0xE2,
        0xED,
        0xEF,
        0xF0,
        0xF1,
        0xF4,
        0xF5,
        0xFF,
    ]
    samples = [bytes(draw.choice(pool) for _ in range(draw.randrange(9))) for _ in range(2000)]
    shown = value("input.map((one) => new TextDecoder().decode(one))", [marked(one) for one in samples])
    assert shown == [one.decode(errors="replace") for one in samples]


def test_or_refused(error, value):
    assert error("new TextDecoder('UTF-8', {fatal: true}).decode(Uint8Array.of(255))")["message"] == (
        "TypeError: the bytes are not UTF-8"
    )
    assert value("new TextDecoder(undefined, {fatal: true}).decode(input)", marked("é".encode())) == "é"


def test_a_byte_order_mark_is_no_text(value):
    assert value("new TextDecoder().decode(input)", marked(b"\xef\xbb\xbfa")) == "a"
    assert value("new TextDecoder().decode(new Uint16Array([0x4241]).buffer)") == "AB"


@pytest.mark.parametrize(
    "body",
    [
        "new TextDecoder('latin1')",
        "new TextDecoder().decode('x')",
        "new TextDecoder().decode(new Uint8Array(), {stream: true})",
    ],
)
def test_what_is_not_supported_says_so(error, body):
    assert error(body)["message"]


def test_base64(value):
    content = bytes(range(256))
    text = base64.b64encode(content).decode()
    assert value("btoa(input.map((one) => String.fromCharCode(one)).join(''))", list(content)) == text
    assert value("Array.from(atob(input), (one) => one.charCodeAt(0))", text) == list(content)
    assert value("Uint8Array.fromBase64(input)", text) == marked(content)


def test_microtasks(value):
    assert value("await new Promise((done) => queueMicrotask(() => done(3)))") == 3
