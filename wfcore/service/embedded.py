"""One workflow run in this process, without a server, in a database of its own that stays to be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from wfcore.config import Config, runs
from wfcore.engine.clock import SystemClock
from wfcore.engine.ids import Ids
from wfcore.errors import Conflict
from wfcore.model.execution import FINALLY, ON_FAILURE
from wfcore.model.workflow import Workflow
from wfcore.service.app import open_app
from wfcore.service.executions import Executions, History
from wfcore.service.installed import Installed


@dataclass(frozen=True, slots=True)
class Run:
    """An execution of ``workflow`` that has begun in this process."""

    id: str
    workflow: Workflow
    executions: Executions

    @property
    def tasks(self) -> list[tuple[str, str]]:
        """(path, type) of all tasks of the workflow."""
        parts = (
            ("", self.workflow.tasks),
            (ON_FAILURE, self.workflow.on_failure),
            (FINALLY, self.workflow.finally_),
        )
        return [(f"{prefix}{task.name}", task.type) for prefix, part in parts for task in part.tasks.values()]


@contextmanager
def run_source(
    config: Config,
    source: bytes,
    file: str,
    inputs: Mapping[str, Any],
    files: Mapping[str, str] | None = None,
) -> Iterator[Run]:
    """Run a workflow's source once; leaving the block stops what still runs.

    ``files`` are the texts that its tasks may name.

    Raises InvalidWorkflow, InvalidInput, Conflict (the file says it is disabled); then nothing stays.
    """
    id = Ids().make(SystemClock().now())
    database = runs.database(config.data_dir, id)
    runs.forget_old(config.data_dir, config["execution"]["retention"])
    begun = False
    try:
        with open_app(_own(config, database), timers=False, packages=config) as app:
            workflow = app.workflows.validate(source, file, files)
            if not workflow.enabled:
                raise Conflict(f"{file} says `enabled: false`", remedy="set `enabled: true` in it")
            app.workflows.apply(source, file, files)
            app.executions.submit(workflow.namespace, workflow.id, inputs, execution=id)
            begun = True
            yield Run(id, workflow, app.executions)
    finally:
        if not begun:
            runs.remove(database)


@contextmanager
def open_history(config: Config, id: str) -> Iterator[History]:
    """What is known of an execution that was run here. Raises Conflict while it still runs."""
    installed = Installed(_own(config, runs.database(config.data_dir, id)), SystemClock())
    try:
        storage = installed.use_storage()
    except Conflict as error:
        installed.host.stop(1.0)
        remedy = "wait for its end, or stop its process"
        raise Conflict(f"execution {id} is being run by another process", remedy=remedy) from error
    try:
        yield History(storage)
    finally:
        installed.host.stop(1.0)


def _own(config: Config, database: Path) -> Config:
    """The same configuration for one process with this database; the rest of the data directory stays."""
    alone = {
        "storage": {"type": "sqlite", "path": str(database)},
        "server": {**config["server"], "role": "all"},
        "execution": {**config["execution"], "dispatcher": "local"},
    }
    return replace(config, tree={**config.tree, **alone})
