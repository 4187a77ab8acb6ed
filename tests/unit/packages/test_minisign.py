"""Signatures: minisign's own vectors, ours read by minisign where it is installed, and keys that are none."""

import base64
import contextlib
import shutil
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfcore.errors import InvalidInput, InvalidPackage
from wfcore.packages import minisign

#: Made by minisign 0.11: `minisign -G -W`, and `minisign -S` of the content.
PUBLIC = """\
untrusted comment: minisign public key C32750AEDF04AAC
RWSsSvDtCnUyDF8PyveCugY1XTs/KL7kxfAffL0+46+D8gygEJrHxiKm
"""
SECRET = """\
untrusted comment: minisign encrypted secret key
RWQAAEIyAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAArErw7Qp1MgxLrTW57ow41V4AkM1e7I6J6Ygr\
j6UTAJZJRGtUJ6Cbjl8PyveCugY1XTs/KL7kxfAffL0+46+D8gygEJrHxiKmAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=
"""
#: A key with a password.
PROTECTED = """\
untrusted comment: minisign encrypted secret key
RWRTY0IykTsVdqKwKdQVjZ6uWfiBr/lXSPkVL7wAL+4k8GYY3dQAAAACAAAAAAAAAEAAAAAAPu2ynpl8AyXaxIVKtRuJLtgRN4WQtN1A+jaW\
Tn9p+1Wm+qz6/MwXqe/8Q9LQLbMqdnOjRKTYkMPCR6VkYnrJzW3JZs78Drj2Dy1DY4zUjMMWgUZZDhn7iEIyr44SX0ywjdhC6Zh86Mo=
"""
CONTENT = b"the content"
SIGNATURE = """\
untrusted comment: signature from minisign secret key
RUSsSvDtCnUyDFfoyR8QzeVjqlSV6UaUpr8eo/pVCxI0VH2tkSa0ZV/PH7h2nxob4WqV/jvU3qP6KmirW72P+zaZ/tJ4c9KTzQM=
trusted comment: timestamp:1\tfile:c.txt
wbrUcOIYfYTDuicGb7jfA/+czTL6fDpbVdMo9xg3J6QzGiFLzaY775Pg2WudY3VHye+rSprPSQi/rouL5UtrDg==
"""


def test_what_minisign_has_made():
    key, made = minisign.public_key(PUBLIC), minisign.signature(SIGNATURE)
    assert (key.id, made.key) == ("0C32750AEDF04AAC", "0C32750AEDF04AAC")
    assert made.fields() == {"timestamp": "1", "file": "c.txt"}
    assert minisign.verify(key, CONTENT, made)
    assert not minisign.verify(key, CONTENT + b"!", made)
    assert minisign.secret_key(SECRET).public() == key
    assert minisign.public_key(str(key)) == key


def test_ours_are_the_same():
    key = minisign.secret_key(SECRET)
    made = minisign.signature(minisign.sign(key, CONTENT, "timestamp:1\tfile:c.txt"))
    theirs = minisign.signature(SIGNATURE)
    assert (made.value, made.seal) == (theirs.value, theirs.seal), "Ed25519 knows no chance"


@pytest.mark.skipif(shutil.which("minisign") is None, reason="minisign is not installed")
def test_minisign_reads_ours(tmp_path):
    key = minisign.generate()
    (tmp_path / "k.pub").write_text(minisign.public_text(key.public()))
    (tmp_path / "k").write_text(minisign.secret_text(key))
    (tmp_path / "c").write_bytes(CONTENT)
    (tmp_path / "c.minisig").write_text(minisign.sign(key, CONTENT, "a:b"))
    for words in (
        ["-V", "-p", "k.pub", "-m", "c"],
        ["-S", "-s", "k", "-m", "c"],
        ["-V", "-p", "k.pub", "-m", "c"],
    ):
        subprocess.run(["minisign", *words], cwd=tmp_path, check=True, capture_output=True)
    made = minisign.signature((tmp_path / "c.minisig").read_text())
    assert minisign.verify(key.public(), CONTENT, made)


def test_every_byte_counts():
    key, made = minisign.public_key(PUBLIC), minisign.signature(SIGNATURE)
    for at in range(64):
        broken = bytearray(made.value)
        broken[at] ^= 1
        changed = minisign.Signature(made.key, True, bytes(broken), made.comment, made.seal)
        assert not minisign.verify(key, CONTENT, changed)
    for comment in ("timestamp:2\tfile:c.txt", made.comment + "x"):
        changed = minisign.Signature(made.key, True, made.value, comment, made.seal)
        assert not minisign.verify(key, CONTENT, changed)
    plain = minisign.Signature(made.key, False, made.value, made.comment, made.seal)
    assert not minisign.verify(key, CONTENT, plain)
    assert not minisign.verify(minisign.generate().public(), CONTENT, made)


def order(y):
    """How many times a point must be added to itself to vanish, up to 8; 0 for no such point."""
    p = 2**255 - 19
    d = -121665 * pow(121666, -1, p) % p
    square = (y * y - 1) * pow(d * y * y + 1, -1, p) % p
    x = pow(square, (p + 3) // 8, p)
    if (x * x - square) % p:
        x = x * pow(2, (p - 1) // 4, p) % p
    if (x * x - square) % p:
        return 0
    a, b = x, y
    for count in range(1, 9):
        if (a, b) == (0, 1):
            return count
        k = d * a * x * b * y % p
        a, b = (a * y + x * b) * pow(1 + k, -1, p) % p, (b * y + a * x) * pow(1 - k, -1, p) % p
    return 0


def test_keys_of_small_order_are_refused():
    assert sorted(order(y) for y in minisign._SMALL) == [1, 2, 4, 8, 8]
    for y in (*minisign._SMALL, minisign._P, minisign._P + 1, minisign._P - 1):
        for sign in (0, 1 << 255):
            weak = minisign.PublicKey("00", (y | sign).to_bytes(32, "little"))
            with pytest.raises(InvalidInput, match="small order"):
                minisign.public_key(str(weak))


@pytest.mark.parametrize(
    "text",
    ["", "nonsense", "RWQ", SECRET, SIGNATURE, PUBLIC + PUBLIC, base64.b64encode(b"XX" + bytes(40)).decode()],
)
def test_what_is_no_public_key(text):
    with pytest.raises(InvalidInput, match="no public key"):
        minisign.public_key(text)


def test_what_is_no_secret_key():
    for text in ("", "nonsense", PUBLIC, SIGNATURE):
        with pytest.raises(InvalidInput, match="no secret key"):
            minisign.secret_key(text)
    with pytest.raises(InvalidInput, match="password"):
        minisign.secret_key(PROTECTED)
    raw = bytearray(base64.b64decode(SECRET.splitlines()[1]))
    raw[70] ^= 1
    with pytest.raises(InvalidInput, match="damaged"):
        minisign.secret_key(f"untrusted comment: x\n{base64.b64encode(raw).decode()}\n")


@pytest.mark.parametrize("lines", [0, 1, 2, 3, 5])
def test_a_signature_file_has_four_lines(lines):
    text = "\n".join([*SIGNATURE.splitlines(), "more"][:lines])
    with pytest.raises(InvalidPackage, match="no minisign file"):
        minisign.signature(text)


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text):
    for read, error in ((minisign.signature, InvalidPackage), (minisign.public_key, InvalidInput)):
        with contextlib.suppress(error):
            read(text)


def test_no_secret_is_shown():
    key = minisign.generate()
    assert key.seed.hex() not in repr(key)
    assert str(key.seed) not in repr(key)
