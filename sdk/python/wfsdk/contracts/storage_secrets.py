"""The part of the storage contract that is about encrypted secrets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from wfcore.api import Conflict, SecretRecord, Storage


def secret(name: str = "TOKEN", scope: str = "", revision: int = 1) -> SecretRecord:
    """An encrypted secret; its ciphertext tells name, scope and revision."""
    return SecretRecord(scope, name, revision, "m1", f"AQ=={scope}/{name}#{revision}", 5, 5 + revision)


class SecretsStorageContract:
    """Secrets are found by scope and name; who changes one must have seen it as it is."""

    def test_secrets_by_scope_and_name(self, storage: Storage) -> None:
        assert storage.secrets() == []
        assert storage.secret("", "TOKEN") is None
        found = [secret("A"), secret("TOKEN"), secret("TOKEN", "ops"), secret("TOKEN", "ops/deploy")]
        for record in reversed(found):
            storage.put_secret(record)
        assert storage.secrets() == found
        assert storage.secret("ops", "TOKEN") == found[2]
        assert storage.secret("op", "TOKEN") is None
        assert storage.secret("", "token") is None

    def test_the_next_revision_replaces_the_one_before(self, storage: Storage) -> None:
        storage.put_secret(secret())
        second = replace(secret(revision=2), master="m2")
        storage.put_secret(second)
        assert storage.secrets() == [second]

    @pytest.mark.parametrize("revision", [0, 1, 3])
    def test_any_other_revision_is_a_conflict(self, storage: Storage, revision: int) -> None:
        storage.put_secret(secret())
        with pytest.raises(Conflict, match="TOKEN"):
            storage.put_secret(replace(secret(), revision=revision, sealed="other"))
        assert storage.secrets() == [secret()]

    def test_the_first_revision_is_one(self, storage: Storage) -> None:
        with pytest.raises(Conflict):
            storage.put_secret(secret(revision=2))
        assert storage.secrets() == []

    def test_removing_a_secret(self, storage: Storage) -> None:
        for record in (secret(), secret(scope="ops")):
            storage.put_secret(record)
        assert storage.remove_secret("", "TOKEN")
        assert not storage.remove_secret("", "TOKEN")
        assert storage.secrets() == [secret(scope="ops")]
        storage.put_secret(secret())
