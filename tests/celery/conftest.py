"""A real broker, and the engine in process or in processes of its own, on PostgreSQL."""

import pytest

from tests.crash.conftest import sink as sink
from tests.crash.fleet import fleet as fleet
from tests.storages import KIND
from tests.unit.engine.running.conftest import cluster as cluster
from tests.unit.engine.running.conftest import installation as installation

from .broker import broker_in

assert KIND == "postgres", "run these with WORKFLOW_TEST_STORAGE=postgres"


@pytest.fixture
def broker(tmp_path):
    with broker_in(tmp_path / "broker") as made:
        yield made
