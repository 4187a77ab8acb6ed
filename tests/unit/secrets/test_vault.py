"""The provider ``vault`` against a server that answers as Vault does."""

from typing import ClassVar

import pytest

from tests.plugins.servers.vault import VaultServer
from tests.plugins.servers.web import Answer
from wfcore.api import Forbidden, InvalidConfig, Unavailable
from wfcore.plugins.catalog import read
from wfcore.plugins.drivers import Drivers
from wfcore.plugins.kinds import SECRETS
from wfcore_plugins.secrets.vault import VaultSecrets
from wfsdk.contexts import context
from wfsdk.contracts.secrets import SecretsContract


@pytest.fixture
def vault():
    with VaultServer() as server:
        yield server


@pytest.fixture
def make(vault, tmp_path, monkeypatch):
    """Starts a provider with these settings, checked and completed as a server does it."""
    monkeypatch.setenv("VAULT_TOKEN", "hvs.root")
    made = []

    def build(start=True, **settings):
        section = {"address": vault.url, "cache": 0, **settings}
        tree = {"secrets": {"vault": {key: value for key, value in section.items() if value is not None}}}
        drivers = Drivers(read(), tree, lambda kind, name: context(name, tmp_path))
        made.append(drivers.build(SECRETS, "vault"))
        if start:
            made[-1].start()
        return made[-1]

    yield build
    for one in made:
        one.stop(1.0)


class TestVaultSecrets(SecretsContract):
    scoped: ClassVar = {"team.ops": {"TOKEN": "of ops"}, "team.ops/flow": {"TOKEN": "of flow", "MORE": "m"}}

    @pytest.fixture(autouse=True)
    def filled(self, vault, monkeypatch):
        monkeypatch.setenv("VAULT_TOKEN", "hvs.root")
        self.vault = vault
        for name, value in self.stored.items():
            vault.kv[f"workflow/{name}"] = {"value": value}
        for scope, secrets in self.scoped.items():
            for name, value in secrets.items():
                vault.kv[f"workflow/{scope}/{name}"] = {"value": value}

    def make(self, tmp_path):
        defaults = {key: rule["default"] for key, rule in VaultSecrets.schema.items() if "default" in rule}
        return VaultSecrets({**defaults, "address": self.vault.url}, context("vault", tmp_path))


def test_a_role_logs_in_and_again_when_its_token_is_revoked(vault, make, tmp_path):
    (tmp_path / "id").write_text("secret-id-1\n")
    vault.kv["workflow/A"] = {"value": "first"}
    driver = make(auth="approle", roleId="role-1", secretIdFile="id")
    assert driver.get("A") == "first"
    assert vault.logins == 1
    vault.policies = {"hvs.root": ("",)}
    assert driver.get("A") == "first"
    assert vault.logins == 2


def test_a_lease_that_is_nearly_over_is_not_used_up(vault, make, tmp_path, monkeypatch):
    (tmp_path / "id").write_text("secret-id-1")
    vault.lease = 100
    driver = make(auth="approle", roleId="role-1", secretIdFile="id")
    client = driver._client
    client._until -= 69
    driver.get("A")
    assert vault.logins == 1
    client._until -= 2
    driver.get("A")
    assert vault.logins == 2


def test_other_mounts_fields_and_namespaces(vault, make):
    vault.mount, vault.namespace = "kv/team", "admin/eu"
    vault.kv["apps/wf/A"] = {"password": "deep"}
    driver = make(mount="kv/team", prefix="apps/wf", field="password", namespace="admin/eu")
    assert driver.get("A") == "deep"
    assert list(driver.names()) == ["A"]


def test_answers_are_kept_for_a_while(vault, make):
    vault.kv["workflow/A"] = {"value": "old"}
    driver = make(cache=30)
    assert (driver.get("A"), driver.get("NONE")) == ("old", None)
    asked = len(vault.requests)
    vault.kv["workflow/A"] = {"value": "new"}
    assert (driver.get("A"), driver.get("NONE")) == ("old", None)
    assert len(vault.requests) == asked
    assert make(cache=0).get("A") == "new"


def test_a_deleted_version_is_not_there(vault, make):
    vault.deleted.add("workflow/A")
    assert make().get("A") is None


def test_what_vault_refuses(vault, make, monkeypatch):
    vault.policies["hvs.narrow"] = ("workflow/open",)
    monkeypatch.setenv("VAULT_TOKEN", "hvs.narrow")
    driver = make()
    with pytest.raises(
        Forbidden, match=r"Vault refuses secret/data/workflow/A: .*permission denied"
    ) as caught:
        driver.get("A")
    assert "hvs." not in str(caught.value)
    vault.kv["workflow/open"] = {"value": 5}
    with pytest.raises(Forbidden, match="no text in the field value"):
        driver.get("open")


@pytest.mark.parametrize(
    ("settings", "error", "told"),
    [
        ({"address": None}, InvalidConfig, "address"),
        ({"address": "vault:8200"}, InvalidConfig, "address"),
        ({"address": "http://u:p@vault"}, InvalidConfig, "address"),
        ({"addres": "http://x"}, InvalidConfig, "addres"),
        ({"mount": "../sys"}, InvalidConfig, "mount"),
        ({"auth": "ldap"}, InvalidConfig, "auth"),
        ({"auth": "approle"}, InvalidConfig, "secrets.vault.roleId is missing"),
        ({"auth": "approle", "roleId": "r"}, InvalidConfig, "secrets.vault.secretIdFile is missing"),
        ({"auth": "approle", "roleId": "r", "secretIdFile": "gone"}, InvalidConfig, "gone cannot be read"),
        ({"tokenFile": "gone"}, InvalidConfig, "gone cannot be read"),
        ({"allow": ["nonsense://"]}, InvalidConfig, "nonsense"),
        ({"allow": ["https://other.example"]}, InvalidConfig, "Vault cannot be reached"),
        ({"cache": -1}, InvalidConfig, "cache"),
    ],
)
def test_settings_that_cannot_be(make, settings, error, told):
    with pytest.raises(error) as caught:
        make(**settings)
    assert told in caught.value.message
    assert caught.value.remedy or "secrets.vault" in caught.value.message


def test_without_a_token(make, monkeypatch):
    monkeypatch.delenv("VAULT_TOKEN")
    driver = make(start=False)
    with pytest.raises(InvalidConfig, match="there is no token for Vault"):
        driver.start()


def test_with_a_token_that_is_not_taken(make, tmp_path):
    (tmp_path / "token").write_text("hvs.wrong\n")
    driver = make(start=False, tokenFile="token")
    with pytest.raises(Forbidden, match="Vault refuses auth/token/lookup-self"):
        driver.start()


def test_a_mount_that_is_not_there_is_no_missing_secret(make):
    with pytest.raises(InvalidConfig, match="no handler for route"):
        make(mount="kv").get("A")


def test_a_sealed_or_absent_vault_is_passing(vault, make, caplog):
    driver = make()
    vault.sealed = True
    with pytest.raises(Unavailable, match=r"503 .*Vault is sealed"):
        driver.get("A")
    assert "Vault is sealed" in driver.health()
    vault.sealed = False
    vault.answer_next(Answer(500, "<html>oops"))
    with pytest.raises(Unavailable, match="no reason given"):
        driver.get("A")
    vault.answer_next(Answer(200, "no json"))
    with pytest.raises(Unavailable):
        driver.get("A")
    nowhere = make(address="http://127.0.0.1:1")
    assert "Vault does not answer" in caplog.text
    with pytest.raises(Unavailable, match="Vault does not answer"):
        nowhere.get("A")


def test_a_name_is_never_a_path(vault, make):
    vault.kv["workflow/team/A"] = {"value": "scoped"}
    driver = make()
    asked = len(vault.requests)
    for name in ("team/A", "../A", "", "x" * 300):
        assert driver.get(name) is None
    assert len(vault.requests) == asked
    assert driver.get("a?b#c%2F") is None


def test_the_token_goes_nowhere_else(vault, make):
    with VaultServer() as other:
        driver = make()
        vault.answer_next(Answer(307, None, {"Location": f"{other.url}/v1/secret/data/workflow/A"}))
        with pytest.raises(InvalidConfig, match="Vault cannot be reached"):
            driver.get("A")
        assert other.requests == []
