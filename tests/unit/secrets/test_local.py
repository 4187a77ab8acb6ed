"""The provider ``local`` on a strongbox."""

from dataclasses import replace
from typing import ClassVar

import pytest

from wfcore.api import PluginError
from wfcore.secrets.strongbox import Strongbox
from wfcore_plugins.secrets.local import LocalSecrets
from wfsdk.contexts import context
from wfsdk.contracts.secrets import WritableSecretsContract


class TestLocalSecrets(WritableSecretsContract):
    scoped: ClassVar = {"team.ops": {"TOKEN": "of ops"}, "team.ops/flow": {"TOKEN": "of flow"}}

    @pytest.fixture(autouse=True)
    def filled(self, box):
        self.box = box
        for name, value in self.stored.items():
            box.put(name, value)
        for scope, secrets in self.scoped.items():
            for name, value in secrets.items():
                box.put(name, value, scope)

    def make(self, tmp_path):
        return LocalSecrets({}, replace(context("local", tmp_path), strongbox=self.box))


def test_without_a_strongbox(tmp_path):
    with pytest.raises(PluginError, match="has no strongbox"):
        LocalSecrets({}, context("local", tmp_path)).get("A")


def test_the_kernels_own_keys_are_no_secrets_of_anybody(box):
    box.add("1", "a key", "@seal")
    assert list(box.records()) == []
    assert isinstance(box, Strongbox)
