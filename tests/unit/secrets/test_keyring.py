"""The provider ``keyring`` on a keyring that is a file, and where there is none; master keys in one."""

import json

import keyring
import pytest
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as Absent
from keyring.errors import KeyringLocked, PasswordDeleteError

from wfcore.api import PluginError, SecretError, Unavailable
from wfcore.config import load
from wfcore.service.keys import master_keys
from wfcore_plugins.secrets import keyring as module
from wfcore_plugins.secrets.keyring import KeyringSecrets
from wfsdk.contexts import context
from wfsdk.contracts.secrets import WritableSecretsContract


class FileKeyring(KeyringBackend):
    """A keyring as others are, in a file of JSON."""

    priority = 1

    def __init__(self, path):
        super().__init__()
        self.path = path
        self.locked = False

    def _all(self):
        if self.locked:
            raise KeyringLocked("the collection is locked")
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    def get_password(self, service, username):
        return self._all().get(f"{service}\n{username}")

    def set_password(self, service, username, password):
        self.path.write_text(json.dumps({**self._all(), f"{service}\n{username}": password}))

    def delete_password(self, service, username):
        kept = self._all()
        if f"{service}\n{username}" not in kept:
            raise PasswordDeleteError("not found")
        del kept[f"{service}\n{username}"]
        self.path.write_text(json.dumps(kept))


@pytest.fixture
def ring(tmp_path):
    before = keyring.get_keyring()
    ring = FileKeyring(tmp_path / "ring.json")
    keyring.set_keyring(ring)
    yield ring
    keyring.set_keyring(before)


@pytest.fixture
def absent():
    before = keyring.get_keyring()
    keyring.set_keyring(Absent())
    yield
    keyring.set_keyring(before)


class TestKeyringSecrets(WritableSecretsContract):
    @pytest.fixture(autouse=True)
    def filled(self, ring, tmp_path):
        driver = self.make(tmp_path)
        for name, value in self.stored.items():
            driver.put(name, value)

    def make(self, tmp_path):
        return KeyringSecrets({"service": "workflow-test"}, context("keyring", tmp_path))


def make(tmp_path):
    return KeyringSecrets({"service": "workflow"}, context("keyring", tmp_path))


def test_what_other_programs_store_is_found_and_not_listed(ring, tmp_path):
    keyring.set_password("workflow", "MINE", "by hand")
    assert make(tmp_path).get("MINE") == "by hand"
    assert list(make(tmp_path).names()) == []


def test_a_name_leads_to_no_other_scope(ring, tmp_path):
    """Whoever writes a webhook chooses the name of the secret that it is signed with."""
    driver = KeyringSecrets({"service": "workflow-test"}, context("keyring", tmp_path))
    driver.put("TOKEN", "of team b", "team-b/flow")
    assert driver.get("TOKEN", "team-b/flow") == "of team b"
    assert driver.get("team-b/flow/TOKEN") is None
    assert driver.get("flow/TOKEN", "team-b") is None


def test_where_there_is_none(absent, tmp_path):
    with pytest.raises(PluginError, match="there is no keyring here") as caught:
        make(tmp_path).start()
    assert "`local`" in caught.value.remedy


def test_one_that_is_locked_is_passing(ring, tmp_path):
    driver = make(tmp_path)
    driver.put("A", "some value")
    ring.locked = True
    with pytest.raises(Unavailable, match="the collection is locked"):
        driver.get("A")
    ring.locked = False
    assert driver.get("A") == "some value"


def test_one_that_never_answers_holds_nobody_up(ring, tmp_path, monkeypatch):
    import threading

    never = threading.Event()
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    monkeypatch.setattr(ring, "get_password", lambda *_: never.wait(10))
    with pytest.raises(Unavailable, match="does not answer within"):
        make(tmp_path).get("A")
    never.set()


def test_the_master_key_in_a_keyring(ring, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = load(overrides={"secrets.masterKeyPlace": "keyring"}, environ={})
    keys = master_keys(config)
    assert not keys.beside
    id, key = keys.current()
    assert master_keys(config).current() == (id, key)
    second = keys.renew()
    assert master_keys(config).current()[0] == second
    assert keys.retire() == 1
    ring.locked = True
    with pytest.raises(SecretError, match="the keyring with the master key cannot be used"):
        master_keys(config).current()


def test_no_keyring_for_the_master_key(absent, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SecretError, match="cannot be used"):
        master_keys(load(overrides={"secrets.masterKeyPlace": "keyring"}, environ={})).current()
