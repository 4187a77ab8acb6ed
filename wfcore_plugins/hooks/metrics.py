"""Counts what the hook events tell, for ``/metrics``. All counters start at zero with the server."""

from __future__ import annotations

import threading
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from wfcore.api import Context, Stateless, hookimpl


class Metric(NamedTuple):
    """``kind`` is ``counter`` or ``histogram``; ``labels`` in the order in which they are counted."""

    kind: str
    labels: tuple[str, ...]
    help: str


#: Every metric of this plugin; docs/reference/metrics.md lists them.
METRICS: Final[dict[str, Metric]] = {
    "workflow_executions_created_total": Metric(
        "counter", ("workflow", "trigger"), "Executions that were accepted."
    ),
    "workflow_executions_finished_total": Metric(
        "counter", ("workflow", "state"), "Executions that have ended."
    ),
    "workflow_execution_seconds": Metric(
        "histogram", ("workflow",), "Seconds from the creation of an execution to its end."
    ),
    "workflow_task_attempts_started_total": Metric("counter", ("type",), "Attempts handed to a worker."),
    "workflow_task_attempts_finished_total": Metric(
        "counter",
        ("type", "state"),
        "Attempts that ended, by the state of their task (WAITING: again later).",
    ),
    "workflow_task_attempt_seconds": Metric("histogram", ("type",), "Seconds that attempts of tasks took."),
}
#: Upper bounds of the histograms' buckets, in seconds.
BUCKETS: Final = (0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0, 60.0, 300.0, 3600.0)
_ESCAPES: Final = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


class Metrics(Stateless):
    """The hook plugin. Events may come from several threads; one lock guards the numbers."""

    def __init__(self, config: Mapping[str, Any], context: Context) -> None:
        self._lock = threading.Lock()
        #: By the name of the metric and the values of its labels.
        self._counts: dict[tuple[str, ...], int] = defaultdict(int)
        #: Likewise, each list: a count for every bucket, one for what is longer, and the sum.
        self._times: dict[tuple[str, ...], list[float]] = defaultdict(_no_times)

    @hookimpl
    def wf_execution_created(self, workflow: str, trigger: str) -> None:
        """Count a new execution."""
        self._count("workflow_executions_created_total", workflow, trigger)

    @hookimpl
    def wf_execution_finished(self, workflow: str, state: str, seconds: float) -> None:
        """Count the end of an execution and its duration."""
        self._count("workflow_executions_finished_total", workflow, state)
        self._time(seconds, "workflow_execution_seconds", workflow)

    @hookimpl
    def wf_task_started(self, type: str) -> None:
        """Count a started attempt."""
        self._count("workflow_task_attempts_started_total", type)

    @hookimpl
    def wf_task_finished(self, type: str, state: str, seconds: float) -> None:
        """Count the end of an attempt and its duration."""
        self._count("workflow_task_attempts_finished_total", type, state)
        self._time(seconds, "workflow_task_attempt_seconds", type)

    @hookimpl
    def wf_metrics(self) -> str:
        """All numbers as Prometheus text (format 0.0.4)."""
        return self.render()

    def render(self) -> str:
        """The same, for who holds the plugin itself."""
        with self._lock:
            counts, times = sorted(self._counts.items()), sorted((k, v[:]) for k, v in self._times.items())
        lines = []
        for name, metric in METRICS.items():
            lines += [f"# HELP {name} {metric.help}", f"# TYPE {name} {metric.kind}"]
            lines += [f"{_series(name, values)} {count}" for (n, *values), count in counts if n == name]
            lines += [line for (n, *values), t in times if n == name for line in _histogram(name, values, t)]
        return "\n".join(lines) + "\n"

    def _count(self, *series: str) -> None:
        with self._lock:
            self._counts[series] += 1

    def _time(self, seconds: float, *series: str) -> None:
        with self._lock:
            times = self._times[series]
            times[bisect_left(BUCKETS, seconds)] += 1
            times[-1] += seconds


def _no_times() -> list[float]:
    return [0] * (len(BUCKETS) + 1) + [0.0]


def _series(name: str, values: Sequence[str], suffix: str = "", **more: str) -> str:
    labels = {**dict(zip(METRICS[name].labels, values, strict=True)), **more}
    pairs = (f'{label}="{value.translate(_ESCAPES)}"' for label, value in labels.items())
    return f"{name}{suffix}{{{','.join(pairs)}}}"


def _histogram(name: str, values: Sequence[str], times: list[float]) -> Iterator[str]:
    total = 0
    for bound, count in zip((*map(str, BUCKETS), "+Inf"), times[:-1], strict=True):
        total += int(count)
        yield f"{_series(name, values, '_bucket', le=bound)} {total}"
    yield f"{_series(name, values, '_sum')} {round(times[-1], 6)}"
    yield f"{_series(name, values, '_count')} {total}"
