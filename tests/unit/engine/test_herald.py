"""Hooks hear of everything that was committed, in order, with what their arguments say."""

import logging
import weakref

import pytest

from wfcore.engine.herald import Herald
from wfcore.hooks import spec
from wfcore.model.execution import ExecutionRecord, Fact, TaskRecord
from wfcore.model.records import Step

RECORD = ExecutionRecord("e", "team", "flow", 1, "SUCCESS", trigger_kind="cron", created_at=1_000_000)
FACTS = [
    Fact(1, 1_000_000, "execution.created"),
    Fact(2, 1_000_000, "execution.started"),
    Fact(3, 1_500_000, "task.started", "a", 1),
    Fact(4, 1_600_000, "log", "a", 1, {"level": "WARNING", "message": "careful"}),
    Fact(5, 2_000_000, "task.retrying", "a", 1, {"error": {"type": "http", "message": "503"}, "delay": 1}),
    Fact(6, 3_000_000, "task.started", "a", 2),
    Fact(7, 3_250_000, "task.finished", "a", 2, {"state": "SUCCESS"}),
    Fact(8, 3_250_000, "task.skipped", "b", 0, {"state": "SKIPPED"}),
    Fact(9, 3_250_000, "task.started", "@outputs", 1),
    Fact(10, 3_250_000, "task.finished", "@outputs", 1, {"state": "SUCCESS"}),
    Fact(11, 4_000_000, "execution.finished", "", 0, {"state": "SUCCESS"}),
]
TASKS = [TaskRecord("a", "SUCCESS", "core/http.get"), TaskRecord("b", "SKIPPED", "core/set")]


class Row(TaskRecord):
    """A row of which it is seen when nobody has it any more."""


@pytest.fixture
def told():
    """What is emitted when the steps have been committed, one after the other."""

    def tell(*steps):
        heard = []
        herald = Herald(lambda event, facts: heard.append((event, facts)))
        herald.start()
        for step in steps:
            herald.committed([step])
        herald.stop(5)
        return heard

    return tell


def test_what_they_hear(told):
    heard = told(Step(RECORD, tasks=TASKS, facts=FACTS))
    known = {"execution": "e", "workflow": "team/flow"}
    task = {**known, "task": "a", "type": "core/http.get"}
    assert heard == [
        ("wf_execution_created", {**known, "trigger": "cron"}),
        ("wf_task_started", {**task, "attempt": 1}),
        ("wf_task_finished", {**task, "attempt": 1, "state": "WAITING", "seconds": 0.5}),
        ("wf_task_started", {**task, "attempt": 2}),
        ("wf_task_finished", {**task, "attempt": 2, "state": "SUCCESS", "seconds": 0.25}),
        (
            "wf_task_finished",
            {**known, "task": "b", "type": "core/set", "attempt": 0, "state": "SKIPPED", "seconds": 0},
        ),
        ("wf_execution_finished", {**known, "state": "SUCCESS", "seconds": 3.0}),
    ]


def test_the_arguments_are_those_of_the_specs(told):
    for event, arguments in told(Step(RECORD, tasks=TASKS, facts=FACTS)):
        function = getattr(spec, event)
        assert set(arguments) == set(function.__code__.co_varnames[: function.__code__.co_argcount])


def test_stopping_tells_what_is_left(told):
    steps = [Step(RECORD, facts=[Fact(n, n, "task.started", "a", n)]) for n in range(1, 500)]
    assert [arguments["attempt"] for _, arguments in told(*steps)] == list(range(1, 500))


def test_the_server_s_log(told, caplog):
    failed = Fact(12, 5, "task.finished", "a", 2, {"state": "FAILED", "error": {"type": "x", "message": "y"}})
    lost = Fact(13, 5, "task.lost", "b", 1)
    end = Fact(14, 5, "execution.finished", "", 0, {"state": "FAILED"})
    with caplog.at_level(logging.INFO, "workflow.executions"):
        told(Step(RECORD, tasks=TASKS, facts=[*FACTS, failed, lost, end]))
    lines = [(r.levelname, r.getMessage(), r.execution, r.task, r.attempt) for r in caplog.records]
    assert lines == [
        ("WARNING", "careful", "e", "a", 1),
        ("INFO", "task.retrying: http: 503", "e", "a", 1),
        ("INFO", "team/flow ended as SUCCESS", "e", "", None),
        ("WARNING", "task.finished: x: y", "e", "a", 2),
        ("INFO", "task.lost", "e", "b", 1),
        ("WARNING", "team/flow ended as FAILED", "e", "", None),
    ]


def test_what_was_not_heard_yet_keeps_no_output_of_tasks():
    herald, row = Herald(lambda event, facts: None), Row("a", "SUCCESS", "core/set", output="x" * 1000)
    known = weakref.ref(row)
    herald.committed([Step(RECORD, tasks=[row], facts=FACTS)])
    del row
    assert known() is None
