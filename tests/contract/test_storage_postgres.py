"""The PostgreSQL driver keeps the storage contract."""

import pytest

from wfcore_plugins.storage.postgres import PostgresStorage
from wfsdk.contexts import context
from wfsdk.contracts.storage import StorageContract
from wfsdk.contracts.storage_shared import SharedStorageContract


class TestPostgresStorage(SharedStorageContract, StorageContract):
    @pytest.fixture(autouse=True)
    def _database(self, database):
        self.url = database

    def make(self, tmp_path):
        return PostgresStorage({"url": self.url}, context("postgres", tmp_path))
