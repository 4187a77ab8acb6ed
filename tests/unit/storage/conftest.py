import os

import pytest

from wfcore_plugins.storage.sqlite import SqliteStorage
from wfsdk.contexts import context


@pytest.fixture
def make(tmp_path):
    """Builds drivers on ``db.sqlite`` of the test's directory, or another file, and stops them at the end."""
    made = []

    def build(name="db.sqlite", synchronous="full", **settings):
        config = {"path": str(tmp_path / name), "synchronous": synchronous, **settings}
        made.append(SqliteStorage(config, context("sqlite", tmp_path)))
        return made[-1]

    yield build
    for storage in made:
        storage.stop(5.0)


@pytest.fixture
def storage(make):
    storage = make()
    storage.start()
    return storage


@pytest.fixture
def no_umask():
    before = os.umask(0)
    yield
    os.umask(before)
