"""Known secrets in text that leaves: in their usual spellings, in whole or as parts of structures."""

import base64
import html
import json
import shlex
import time
from urllib.parse import quote, quote_plus, urlencode

import pytest

from wfcore.model.secret import MASK, Secret, masked
from wfcore.secrets import masks as module
from wfcore.secrets.masks import Masks

VALUE = "pa$$ w\"ö'rd/+?<&>=\\k4nari"


def masks(*values):
    made = Masks()
    for value in values:
        made.note(value)
    return made


SPELLINGS = {
    "plain": VALUE,
    "json": json.dumps(VALUE),
    "json in utf-8": json.dumps(VALUE, ensure_ascii=False),
    "json twice": json.dumps(json.dumps(VALUE)),
    "json with escaped slashes": json.dumps(VALUE).replace("/", "\\/"),
    "repr": repr(VALUE),
    "repr of bytes": repr(VALUE.encode()),
    "url": quote(VALUE, safe=""),
    "url with slashes": quote(VALUE),
    "url in lower case": quote(VALUE, safe="").replace("%C3%B6", "%c3%b6").lower().replace("%5ck", "%5ck"),
    "form": urlencode({"x": VALUE}),
    "plus": quote_plus(VALUE),
    "url twice": quote(quote(VALUE, safe=""), safe=""),
    "every byte": "".join(f"%{byte:02X}" for byte in VALUE.encode()),
    "html": html.escape(VALUE),
    "shell": shlex.quote(VALUE),
    "sql": VALUE.replace("'", "''"),
    "csv": VALUE.replace('"', '""'),
    "hex": VALUE.encode().hex(),
    "HEX": VALUE.encode().hex().upper(),
    "hex with colons": VALUE.encode().hex(":"),
    "escaped bytes": "".join(f"\\x{byte:02x}" for byte in VALUE.encode()),
    "escaped characters": "".join(f"\\u{ord(one):04x}" for one in VALUE),
    "base32": base64.b32encode(VALUE.encode()).decode(),
    "base64": base64.b64encode(VALUE.encode()).decode(),
    "base64 of a login": base64.b64encode(f"user:{VALUE}".encode()).decode(),
    "base64 one later": base64.b64encode(f"x{VALUE}y".encode()).decode(),
    "base64 for urls": base64.urlsafe_b64encode(f"xy{VALUE}".encode()).decode(),
    "base64 of utf-16": base64.b64encode(VALUE.encode("utf-16-le")).decode(),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_spelling_is_found(spelling):
    text = f"before {SPELLINGS[spelling]} after"
    found = masks(VALUE).mask(text)
    assert MASK in found
    assert found.startswith("before")
    assert found.endswith("after")
    for part in ("k4nari", "nari", base64.b64encode(b"k4nari").decode()[:6], b"k4nari".hex()):
        assert part.lower() not in found.lower(), found


def test_the_lines_of_a_key_are_found():
    key = "-----BEGIN KEY-----\nMIIEvgIBADANBgkq\r\nhkiG9w0BAQEFAASC\n-----END KEY-----\n"
    found = masks(key).mask("it says hkiG9w0BAQEFAASC, and MIIEvgIBADANBgkq")
    assert found == f"it says {MASK}, and {MASK}"


def test_a_longer_one_goes_before_a_part_of_it():
    assert masks("abcd", "abcdefgh").mask("abcdefgh abcd") == f"{MASK} {MASK}"


def test_what_is_too_short_is_not_looked_for():
    made = masks("abc", "")
    assert made.seen
    assert made.mask("abc") == "abc"
    made.note(Secret("short"))
    assert made.mask("short") == "short"


def test_joined_texts_show_their_open_parts():
    made = masks(Secret("token abcdefgh of ops", f"token {MASK} of ops"))
    assert made.mask("> token abcdefgh of ops <") == f"> token {MASK} of ops <"


def test_a_secret_structure_is_looked_for_by_its_texts():
    made = masks(Secret({"token": "first-token", "more": [1234567890123, True, None, "second-token"]}))
    assert made.mask("first-token second-token 1234567890123 token") == f"{MASK} {MASK} {MASK} token"


def test_texts_in_results_become_secrets():
    made = masks("abcdefgh")
    found = made.hide({"a": "x abcdefgh", "b": ["y", b"\xffabcdefgh"], "n": 5, "k abcdefgh": None})
    assert masked(found) == {"a": MASK, "b": ["y", MASK], "n": 5, f"k {MASK}": None}
    assert isinstance(found["a"], Secret)
    assert Masks().hide("abcdefgh") == "abcdefgh"


@pytest.mark.parametrize("value", ["half \ud800 of a pair", "x" * 60_000, "(.*)[a-z]+\\", "\0\1\2\3\4"])
def test_odd_values_are_found_too(value, capfd):
    made = masks(value)
    assert made.mask(f"before {value} after") == f"before {MASK} after"
    assert made.mask("\udc00 no secret") == "\udc00 no secret"
    assert isinstance(made.hide([f"a{value}b"])[0], Secret)
    assert capfd.readouterr().err == "", "nothing tells of the pattern"


def test_a_long_secret_takes_little_time():
    """As certificates are: patterns of them took half a minute of RE2."""
    value = "".join(f"{number:x}" for number in range(20_000))
    made = masks(value)
    begun = time.process_time()
    assert made.mask(f"before {value} after") == f"before {MASK} after"
    assert value not in made.mask(json.dumps({"a": value}))
    assert time.process_time() - begun < 5


def test_a_large_result_takes_little_time():
    made = masks(*(f"secret-number-{number}-of-many" for number in range(20)))
    result = [{"id": number, "text": "lorem ipsum dolor sit amet " * 4} for number in range(20_000)]
    begun = time.process_time()
    assert made.hide(result) == result
    assert time.process_time() - begun < 5


def test_only_so_many_are_kept_and_the_newest_are(monkeypatch):
    monkeypatch.setattr(module, "KEPT", 3)
    made = masks("value-1", "value-2", "value-3")
    made.note("value-1")
    made.note("value-4")
    assert [made.mask(f"value-{n}") for n in (1, 2, 3, 4)] == [MASK, "value-2", MASK, MASK]
