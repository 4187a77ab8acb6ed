"""A strongbox on a database of its own, with master keys in a file."""

import pytest

from wfcore.plugins.contracts import Context
from wfcore.secrets.master import KeyFile, MasterKeys
from wfcore.secrets.strongbox import Strongbox
from wfcore_plugins.storage.sqlite import SqliteStorage
from wfsdk.contexts import context


@pytest.fixture
def storage(tmp_path):
    made: Context = context("sqlite", tmp_path)
    storage = SqliteStorage({"path": str(tmp_path / "db.sqlite"), "synchronous": "normal"}, made)
    storage.start()
    yield storage
    storage.stop(5.0)


@pytest.fixture
def key_file(tmp_path):
    return tmp_path / "keys" / "master.key"


@pytest.fixture
def masters(key_file):
    key_file.parent.mkdir(mode=0o700)
    return MasterKeys(KeyFile(key_file))


@pytest.fixture
def box(storage, masters):
    return Strongbox(lambda: storage, masters, lambda: 7)
