"""Servers that run tasks for each other are killed and halted; nothing is lost, nothing is done twice."""

import pytest

from tests.crash.fleet import fleet as fleet
from tests.crash.fleet import kill, stand_still, trouble
from tests.storages import KIND

pytestmark = [
    pytest.mark.skipif(KIND != "postgres", reason="SQLite belongs to one server"),
    pytest.mark.timeout(300),
]


@pytest.mark.parametrize("harm", [kill, stand_still])
def test_workers_behind_an_api_server_die_and_halt(fleet, sink, stored, harm):
    servers = [fleet("api"), fleet("worker"), fleet("worker")]
    trouble(servers, servers[1:], sink, stored, harm)


@pytest.mark.parametrize("harm", [kill, stand_still])
def test_owners_of_what_others_run_die_and_halt(fleet, sink, stored, harm):
    """The first server owns all, and the second runs most of it."""
    servers = [fleet("api"), fleet("all", 1), fleet("worker", 6, maxConcurrentWorkflows=50)]
    trouble(servers, servers[1:2], sink, stored, harm)


def test_a_worker_answers_for_its_health_alone(fleet):
    worker = fleet("worker")
    assert worker.call("GET", "/healthz")[0] == worker.call("GET", "/readyz")[0] == 200
    assert worker.call("GET", "/api/v1/server")[1]["nodes"][0]["role"] == "worker"
    for path in ("/api/v1/workflows", "/api/v1/executions", "/hooks/x"):
        status, answer = worker.call("GET", path)
        assert (status, answer["error"]["code"]) == (404, "not_found")
        assert answer["error"]["message"] == f"this server is a worker, there is no {path}"
        assert "role is all or api" in answer["error"]["remedy"]
    assert worker.terminate()[0] == 0
