"""The contract of providers of secrets as tests.

In a test module of yours::

    from wfsdk.contexts import context
    from wfsdk.contracts.secrets import SecretsContract

    class TestMySecrets(SecretsContract):
        def make(self, tmp_path):
            (tmp_path / "app.env").write_text("".join(f"{k}={v}\\n" for k, v in self.stored.items()))
            return MySecrets({"file": "app.env"}, context("mine", tmp_path))
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from wfcore.api import Secrets, WritableSecrets
from wfsdk.contracts.driver import DriverContract


class SecretsContract(DriverContract):
    """``make`` gives a provider that has the secrets in ``stored``, which a subclass may replace.

    ``scoped`` are those in scopes, for a provider that knows some: scope -> name -> value.
    """

    stored: ClassVar[Mapping[str, str]] = {"TOKEN": "a=b c", "OTHER": "ä-ö"}
    scoped: ClassVar[Mapping[str, Mapping[str, str]]] = {}

    def test_it_gives_what_it_has(self, driver: Secrets) -> None:
        assert {name: driver.get(name) for name in self.stored} == self.stored

    def test_it_gives_of_a_scope_what_is_in_it(self, driver: Secrets) -> None:
        for scope, secrets in self.scoped.items():
            assert {name: driver.get(name, scope) for name in secrets} == secrets
            assert set(secrets) <= set(driver.names(scope))

    def test_it_has_nothing_in_a_scope_that_is_not_there(self, driver: Secrets) -> None:
        for scope in ("none", "none/flow", "none.such/flow"):
            assert driver.get("TOKEN", scope) is None
            assert list(driver.names(scope)) == []

    def test_it_says_none_of_what_it_does_not_have(self, driver: Secrets) -> None:
        for name in ("NONE", "", "token", "../TOKEN", "TOKEN\n", "x" * 10_000):
            assert driver.get(name) is None, name

    def test_it_lists_names_and_no_values(self, driver: Secrets) -> None:
        names = list(driver.names())
        assert set(self.stored) <= set(names)
        assert not set(self.stored.values()) & set(names)


class WritableSecretsContract(SecretsContract):
    """What ``workflow secret set`` and ``delete`` ask of a provider that can be changed."""

    def test_it_can_be_changed(self, driver: WritableSecrets) -> None:
        assert isinstance(driver, WritableSecrets)

    def test_it_keeps_what_it_is_given(self, driver: WritableSecrets) -> None:
        for value in ("first value", "second\nvalue\twith ü€\U0001f600", "x" * 60_000):
            new = driver.get("NEW") is None
            assert driver.put("NEW", value) is new
            assert driver.get("NEW") == value
        assert "NEW" in driver.names()

    def test_scopes_do_not_mix(self, driver: WritableSecrets) -> None:
        for scope in ("", "team.ops", "team.ops/flow"):
            assert driver.put("MINE", f"value in {scope}", scope)
        for scope in ("", "team.ops", "team.ops/flow"):
            assert driver.get("MINE", scope) == f"value in {scope}"
            assert "MINE" in driver.names(scope)
        assert driver.get("MINE", "team") is None
        assert driver.remove("MINE", "team.ops")
        assert driver.get("MINE", "team.ops") is None
        assert driver.get("MINE", "team.ops/flow") == "value in team.ops/flow"

    def test_it_forgets(self, driver: WritableSecrets) -> None:
        driver.put("NEW", "some value")
        assert driver.remove("NEW")
        assert not driver.remove("NEW")
        assert driver.get("NEW") is None
        assert "NEW" not in driver.names()

    def test_another_one_finds_it(self, driver: WritableSecrets, tmp_path: Path) -> None:
        driver.put("NEW", "some value")
        other = self.make(tmp_path)
        other.start()
        assert other.get("NEW") == "some value"
        other.stop(5.0)
