"""Sealed values: opened in their execution, and nowhere else; also after the keys have changed."""

import json
from dataclasses import replace

import pytest

from wfcore.engine.content import pack, raw, size, unpack
from wfcore.errors import SecretError, TerminalError
from wfcore.model.secret import MASK, Secret, reveal
from wfcore.secrets.sealer import Sealer, Seals
from wfcore.secrets.strongbox import OWN


@pytest.fixture
def seen():
    return []


@pytest.fixture
def sealer(box):
    return Sealer(box)


@pytest.fixture
def seals(sealer, seen):
    return Seals(sealer, "execution-1", seen.append)


VALUE = {"token": Secret("very-secret"), "open": "x", "list": [Secret({"a": 1}), 2], "$sealed": "pretended"}


def test_a_value_comes_back_with_its_secrets(storage, seals, seen):
    value = {key: VALUE[key] for key in ("token", "open", "list")}
    stored, blobs = pack(value, storage, seals)
    assert not blobs
    assert "very-secret" not in stored
    found = unpack(stored, storage, seals)
    assert isinstance(found["token"], Secret)
    assert reveal(found) == reveal(value)
    assert [reveal(one) for one in seen] == ["very-secret", {"a": 1}]


def test_who_has_no_seals_sees_masks(storage, seals):
    stored, _ = pack({"token": Secret("very-secret"), "open": "x"}, storage, seals)
    assert unpack(stored, storage) == {"token": MASK, "open": "x"}
    assert json.loads(raw(stored, storage)) == {"token": MASK, "open": "x"}


def test_large_values_too(storage, seals):
    value = {"token": Secret("very-secret" * 10_000), "open": "y" * 70_000}
    stored, blobs = pack(value, storage, seals)
    assert len(blobs) == 1
    assert size(stored) > 70_000
    assert b"very-secret" not in storage.get_blob(blobs[0])
    assert reveal(unpack(stored, storage, seals)) == reveal(value)
    assert json.loads(raw(stored, storage))["token"] == MASK


def test_nobody_can_pretend_that_something_was_sealed(storage, seals):
    sealed = pack(Secret("very-secret"), storage, seals)[0].removeprefix("@sealed:")
    plain, _ = pack(json.loads(sealed), storage, seals)
    assert unpack(plain, storage, seals) == json.loads(sealed), "without a secret it is what it is"
    mixed, _ = pack({"a": json.loads(sealed), "b": Secret("other-secret")}, storage, seals)
    assert reveal(unpack(mixed, storage, seals)) == {"a": json.loads(sealed), "b": "other-secret"}


def test_what_was_sealed_for_one_execution_opens_in_no_other(storage, sealer, seals):
    stored, _ = pack(Secret("very-secret"), storage, seals)
    with pytest.raises(SecretError, match="sealed value of execution execution-2 is not what was stored"):
        unpack(stored, storage, Seals(sealer, "execution-2", lambda _: None))


@pytest.mark.parametrize("text", ["", "1", "1.", "1.AAAA", "9.AAAA", "1.no base64", "x.y.z"])
def test_a_changed_seal_is_an_error(storage, seals, text):
    pack(Secret("very-secret"), storage, seals)
    with pytest.raises(SecretError):
        unpack("@sealed:" + json.dumps({"$sealed": text}), storage, seals)


def test_without_seals_a_secret_is_not_stored(storage):
    with pytest.raises(TerminalError, match="cannot be stored here") as caught:
        pack([Secret("very-secret")], storage)
    assert caught.value.kind == "secret"


def test_values_without_secrets_are_stored_as_ever(storage, seals):
    assert pack({"a": "@sealed:", "$sealed": 1}, storage, seals) == ('{"a":"@sealed:","$sealed":1}', ())
    assert unpack('"@sealed:x"', storage, seals) == "@sealed:x"


def test_old_seals_open_after_a_rotation_and_new_ones_have_a_new_key(storage, box, sealer, seals):
    before, _ = pack(Secret("very-secret"), storage, seals)
    box.rotate(new_key=True)
    sealer.renew()
    after, _ = pack(Secret("very-secret"), storage, seals)
    assert (before[20], after[20]) == ("1", "2"), (before, after)
    fresh = Seals(Sealer(box), "execution-1", lambda _: None)
    assert [reveal(unpack(one, storage, fresh)) for one in (before, after)] == ["very-secret"] * 2


def test_two_servers_agree_on_a_key(storage, box):
    one, other = Sealer(box), Sealer(box)
    text = one.seal(Secret("a"), "e", json.dumps)["$sealed"]
    assert reveal(other.unseal(text, "e")) == "a"
    assert other.seal(Secret("b"), "e", json.dumps)["$sealed"].startswith("1.")
    assert [row.scope for row in storage.secrets()] == [OWN]


def test_a_key_that_was_put_in_the_place_of_another_is_an_error(storage, box, sealer):
    text = sealer.seal(Secret("a"), "e", json.dumps)["$sealed"]
    sealer.renew()
    first, second = storage.secrets()
    storage.put_secret(replace(first, revision=2, sealed=second.sealed))
    with pytest.raises(SecretError, match="its row was changed"):
        Sealer(box).unseal(text, "e")


def test_a_circle_with_a_secret_is_an_error(storage, seals):
    circle = [Secret("very-secret")]
    circle.append(circle)
    with pytest.raises(TerminalError, match="nested too deeply") as caught:
        pack(circle, storage, seals)
    assert caught.value.kind == "output"
