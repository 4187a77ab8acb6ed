"""The metrics plugin, heard through the real hooks."""

import re

import pytest

from wfcore.hooks.calls import Hooks
from wfcore_plugins.hooks.metrics import BUCKETS, METRICS, Metrics

SAMPLE = re.compile(
    r'[a-z_]+(\{[a-z_]+="([^"\\\n]|\\.)*"(,[a-z_]+="([^"\\\n]|\\.)*")*\})? [0-9.]+(e-?[0-9]+)?'
)


@pytest.fixture
def hooks():
    made = Hooks()
    made.register("hook.metrics", Metrics({}, None))
    return made


def text(hooks):
    (found,) = hooks.metrics()
    return found


def test_counts_what_it_hears(hooks):
    known = {"execution": "E", "workflow": "default/a"}
    for _ in range(3):
        hooks.emit("wf_execution_created", {**known, "trigger": "cron"})
    hooks.emit("wf_execution_finished", {**known, "state": "SUCCESS", "seconds": 0.02})
    task = {**known, "task": "t", "type": "core/log", "attempt": 1}
    hooks.emit("wf_task_started", task)
    hooks.emit("wf_task_finished", {**task, "state": "WAITING", "seconds": 7200.0})
    lines = text(hooks).splitlines()
    assert 'workflow_executions_created_total{workflow="default/a",trigger="cron"} 3' in lines
    assert 'workflow_executions_finished_total{workflow="default/a",state="SUCCESS"} 1' in lines
    assert 'workflow_task_attempts_started_total{type="core/log"} 1' in lines
    assert 'workflow_task_attempts_finished_total{type="core/log",state="WAITING"} 1' in lines
    assert 'workflow_execution_seconds_bucket{workflow="default/a",le="0.01"} 0' in lines
    assert 'workflow_execution_seconds_bucket{workflow="default/a",le="0.05"} 1' in lines
    assert 'workflow_execution_seconds_sum{workflow="default/a"} 0.02' in lines
    assert 'workflow_task_attempt_seconds_bucket{type="core/log",le="3600.0"} 0' in lines
    assert 'workflow_task_attempt_seconds_bucket{type="core/log",le="+Inf"} 1' in lines
    assert 'workflow_task_attempt_seconds_count{type="core/log"} 1' in lines


def test_buckets_are_cumulative_and_include_their_bound(hooks):
    for seconds in (0.005, 0.3, 0.4, 10.0):
        hooks.emit(
            "wf_execution_finished",
            {"execution": "E", "workflow": "w", "state": "FAILED", "seconds": seconds},
        )
    found = re.findall(r'workflow_execution_seconds_bucket\{workflow="w",le="([^"]+)"\} (\d+)', text(hooks))
    assert [bound for bound, _ in found] == [*map(str, BUCKETS), "+Inf"]
    assert dict(found) == {
        "0.005": "1", "0.01": "1", "0.05": "1", "0.1": "1", "0.5": "3", "1.0": "3", "5.0": "3", "10.0": "4",
        "60.0": "4", "300.0": "4", "3600.0": "4", "+Inf": "4",
    }  # fmt: skip
    assert 'workflow_execution_seconds_sum{workflow="w"} 10.705' in text(hooks).splitlines()


def test_the_format(hooks):
    hooks.emit("wf_execution_created", {"execution": "E", "workflow": 'a"b\\c\nd', "trigger": "x"})
    hooks.emit(
        "wf_execution_finished", {"execution": "E", "workflow": "w", "state": "FAILED", "seconds": 1e-7}
    )
    found = text(hooks)
    assert found.endswith("\n")
    assert 'workflow="a\\"b\\\\c\\nd"' in found
    for line in found.splitlines():
        assert line.startswith(("# HELP workflow_", "# TYPE workflow_")) or SAMPLE.fullmatch(line), line
    for name, metric in METRICS.items():
        assert f"# TYPE {name} {metric.kind}\n" in found


def test_a_failing_contributor_is_left_out(hooks, caplog):
    from wfcore.api import hookimpl

    class Broken:
        @hookimpl
        def wf_metrics(self):
            raise RuntimeError("no")

    hooks.register("hook.broken", Broken())
    assert len(hooks.metrics()) == 1
    assert "hook.broken" in caplog.text
