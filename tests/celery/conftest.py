"""A real broker, and the engine in process or in processes of its own, on PostgreSQL."""

import pytest

from tests.crash.conftest import sink as sink
from tests.crash.fleet import fleet as fleet
from tests.storages import KIND
from tests.unit.engine.running.conftest import cluster as cluster
from tests.unit.engine.running.conftest import installation as installation

from . import rabbit
from .broker import broker_in

assert KIND == "postgres", "run these with WORKFLOW_TEST_STORAGE=postgres"


@pytest.fixture(scope="session")
def node():
    """One RabbitMQ for all tests: it needs seconds to start."""
    if rabbit.executable() is None:
        pytest.skip("there is no rabbitmq-server: install RabbitMQ to test with it")
    with rabbit.rabbit() as made:
        yield made


@pytest.fixture(params=["redis", "rabbitmq"])
def broker(request, tmp_path):
    if request.param == "redis":
        with broker_in(tmp_path / "broker") as made:
            yield made
    else:
        made = rabbit.Queues(request.getfixturevalue("node"))
        made.start()  # a test that failed may have left it dead
        yield made
