"""The SQLite driver keeps the storage contract."""

from wfcore_plugins.storage.sqlite import SqliteStorage
from wfsdk.contexts import context
from wfsdk.contracts.storage import StorageContract


class TestSqliteStorage(StorageContract):
    def make(self, tmp_path):
        config = {"path": str(tmp_path / "db.sqlite"), "synchronous": "full"}
        return SqliteStorage(config, context("sqlite", tmp_path))
