"""The kernel's gauges as Prometheus text (format 0.0.4), followed by what hook plugins contribute."""

from __future__ import annotations

import platform
import time
from collections.abc import Iterable, Mapping
from typing import Final

from wfcore import __version__
from wfcore.model.execution import EXECUTION_STATES
from wfcore.service.site import Site

#: The gauges of the kernel and what each tells; docs/reference/metrics.md lists them.
GAUGES: Final[Mapping[str, str]] = {
    "workflow_build_info": "The version of workflow and of Python; always 1.",
    "workflow_uptime_seconds": "Seconds since the server was started.",
    "workflow_ready": "1 while the server takes work, 0 when it stops or a driver is unwell.",
    "workflow_executions": "Executions in storage, by state.",
    "workflow_tasks_running": "Attempts of tasks that run on this server.",
    "workflow_http_parked": "Requests that wait: streams, long-polls, webhooks that respond with a result.",
}

Samples = Iterable[tuple[Mapping[str, str], float]]


def exposition(site: Site) -> str:
    """All metrics of this server."""
    app = site.app
    counts = app.storage.counts()
    ready = not site.stopping.is_set() and not any(app.health().values())
    samples: dict[str, Samples] = {
        "workflow_build_info": [({"version": __version__, "python": platform.python_version()}, 1)],
        "workflow_uptime_seconds": [({}, round(time.time() - site.started_at / 1e6, 3))],
        "workflow_ready": [({}, int(ready))],
        "workflow_executions": [({"state": state}, counts.get(state, 0)) for state in EXECUTION_STATES],
        "workflow_tasks_running": [({}, app.engine.running_tasks())],
        "workflow_http_parked": [({}, site.parking.taken)],
    }
    own = "".join(_gauge(name, samples[name]) for name in GAUGES)
    return own + "".join(text if text.endswith("\n") else f"{text}\n" for text in app.hooks.metrics() if text)


def _gauge(name: str, samples: Samples) -> str:
    lines = [f"# HELP {name} {GAUGES[name]}", f"# TYPE {name} gauge"]
    lines += [f"{name}{_labels(labels)} {value}" for labels, value in samples]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    return "{" + ",".join(f'{name}="{value}"' for name, value in labels.items()) + "}" if labels else ""
