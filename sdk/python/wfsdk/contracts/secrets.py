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

from typing import ClassVar

from wfcore.api import Secrets
from wfsdk.contracts.driver import DriverContract


class SecretsContract(DriverContract):
    """``make`` gives a provider that has the secrets in ``stored``, which a subclass may replace."""

    stored: ClassVar[dict[str, str]] = {"TOKEN": "a=b c", "OTHER": "ä"}

    def test_it_gives_what_it_has(self, driver: Secrets) -> None:
        assert {name: driver.get(name) for name in self.stored} == self.stored

    def test_it_says_none_of_what_it_does_not_have(self, driver: Secrets) -> None:
        for name in ("NONE", "", "token", "../TOKEN", "TOKEN\n", "x" * 10_000):
            assert driver.get(name) is None, name

    def test_it_lists_names_and_no_values(self, driver: Secrets) -> None:
        names = list(driver.names())
        assert set(self.stored) <= set(names)
        assert not set(self.stored.values()) & set(names)
