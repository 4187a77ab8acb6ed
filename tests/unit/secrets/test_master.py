"""Master keys: where they are looked for, what is refused, and how one takes the place of another."""

import base64
import logging
import stat

import pytest

from wfcore.errors import Conflict, SecretError
from wfcore.secrets.master import KeyFile, KeyVariable, MasterKeys, source_of

ONE, TWO = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


def test_the_places_in_their_order(tmp_path):
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "workflow-secret-key").write_text(ONE)
    given = {
        "WORKFLOW_SECRET_KEY_FILE": "/etc/key",
        "WORKFLOW_SECRET_KEY": ONE,
        "CREDENTIALS_DIRECTORY": str(credentials),
    }
    ring = KeyVariable("RING")
    found = []
    for name in (*given, None):
        found.append(source_of(tmp_path, ring, given).name)
        given.pop(name, None)
    assert found == ["/etc/key", "WORKFLOW_SECRET_KEY", str(credentials / "workflow-secret-key"), "RING"]
    assert source_of(tmp_path, None, {}).name == str(tmp_path / "secret.key")
    assert source_of(tmp_path, None, {"CREDENTIALS_DIRECTORY": str(tmp_path)}).name.endswith("secret.key")


def test_a_key_is_made_where_none_is_and_for_the_owner_alone(masters, key_file):
    id, key = masters.current()
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert base64.b64decode(key_file.read_text()) == key
    assert MasterKeys(KeyFile(key_file)).current() == (id, key)


def test_the_first_of_several_is_in_use_and_all_open(masters, key_file):
    key_file.write_text(f"# new\n{TWO}\n\n{ONE}\n")
    key_file.chmod(0o600)
    id, key = masters.current()
    assert key == b"\2" * 32
    key_file.write_text(f"{ONE}\n{TWO}\n")
    fresh = MasterKeys(KeyFile(key_file))
    assert fresh.current()[1] == b"\1" * 32
    assert fresh.get(id) == b"\2" * 32


def test_a_key_that_comes_later_is_found(masters, key_file):
    masters.current()
    other = MasterKeys(KeyFile(key_file))
    id = other.renew()
    assert masters.get(id) == other.current()[1]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "there is no key in it"),
        ("# nothing\n", "there is no key in it"),
        (f"{ONE}\nshort\n", "line 2 is no key of 32 bytes"),
        (base64.b64encode(b"x" * 31).decode(), "line 1 is no key of 32 bytes"),
    ],
)
def test_what_is_no_key_is_refused_and_not_repeated(masters, key_file, text, told):
    key_file.write_text(text)
    key_file.chmod(0o600)
    with pytest.raises(SecretError, match=told) as caught:
        masters.current()
    assert "openssl rand" in caught.value.remedy
    assert "short" not in caught.value.message


def test_a_key_that_others_can_read_is_refused(masters, key_file):
    key_file.write_text(ONE)
    key_file.chmod(0o640)
    with pytest.raises(SecretError, match="can be read by other users") as caught:
        masters.current()
    assert "chmod 600" in caught.value.remedy


def test_an_unknown_key_is_named_by_its_id(masters):
    masters.current()
    with pytest.raises(SecretError, match="the master key 0123 is not in"):
        masters.get("0123")


def test_keys_in_a_variable(monkeypatch):
    monkeypatch.setenv("KEYS", f"{ONE},{TWO}")
    keys = MasterKeys(KeyVariable("KEYS"))
    assert keys.current()[1] == b"\1" * 32
    assert keys.spare() == 1
    assert keys.retire() == 0
    with pytest.raises(Conflict, match="cannot be written to KEYS"):
        keys.renew()
    monkeypatch.delenv("KEYS")
    with pytest.raises(SecretError, match="there is no master key in KEYS"):
        MasterKeys(KeyVariable("KEYS")).current()


def test_renewed_and_retired(masters, key_file):
    first, _ = masters.current()
    second = masters.renew()
    assert second != first
    assert MasterKeys(KeyFile(key_file)).current()[0] == second
    assert masters.get(first)
    assert masters.retire() == 1
    assert len(key_file.read_text().splitlines()) == 1
    with pytest.raises(SecretError):
        MasterKeys(KeyFile(key_file)).get(first)
    assert not [one for one in key_file.parent.iterdir() if one != key_file]


def test_a_key_beside_the_data_is_warned_of_once(tmp_path, caplog):
    keys = MasterKeys(KeyFile(tmp_path / "secret.key"), beside=True)
    with caplog.at_level(logging.WARNING):
        keys.current()
        keys.current()
    assert [one.levelname for one in caplog.records] == ["WARNING"]
    assert "LIES BESIDE THEM" in caplog.text
    assert "WORKFLOW_SECRET_KEY_FILE" in caplog.text
