"""What a workflow's graph means for stepping it: who follows whom, computed once per revision."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from wfcore.model.execution import FINALLY, ON_FAILURE, OUTPUTS
from wfcore.model.workflow import Concurrency, Group, Task, Workflow


@dataclass(frozen=True, slots=True)
class Part:
    """A group at its place in the tree of task paths: a child's path is ``prefix`` + its name.

    ``needs`` counts what each child waits for, ``followers`` lists who waits for it.
    """

    prefix: str
    tasks: Mapping[str, Task]
    needs: Mapping[str, int]
    followers: Mapping[str, tuple[str, ...]]

    def name(self, path: str) -> str:
        """The name of the child with this path."""
        return path[len(self.prefix) :]


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts of an execution, in the order in which they may run.

    ``outputs`` has one task, which evaluates the workflow's outputs, or none. ``limited`` has for each path
    that needs a permit (that of the workflow is empty) the name of a limit of its own, and what is declared.
    """

    main: Part
    outputs: Part
    on_failure: Part
    finally_: Part
    limited: Mapping[str, tuple[str, Concurrency]]

    def part(self, path: str) -> Part:
        """The part that a task path lies in."""
        if not path.startswith("@"):
            return self.main
        for part in (self.on_failure, self.finally_):
            if path.startswith(part.prefix):
                return part
        return self.outputs

    def task(self, path: str) -> Task | None:
        """The definition behind a task path; None for what is not in this revision."""
        definition = self.main.tasks.get(path)  # which most are, and nothing else is called as a task of it
        if definition is not None:
            return definition
        part = self.part(path)
        return part.tasks.get(part.name(path))


def plan(workflow: Workflow) -> Plan:
    """The plan of a workflow. The graph has been checked: every need exists and there is no circle."""
    outputs = Group({OUTPUTS: Task(OUTPUTS, "", workflow.outputs)} if workflow.outputs else {})
    return Plan(
        _part("", workflow.tasks),
        _part("", outputs),
        _part(ON_FAILURE, workflow.on_failure),
        _part(FINALLY, workflow.finally_),
        dict(_limited(workflow)),
    )


def _limited(workflow: Workflow) -> Iterator[tuple[str, tuple[str, Concurrency]]]:
    if workflow.concurrency is not None:
        yield "", (workflow.address, workflow.concurrency)
    groups = (("", workflow.tasks), (ON_FAILURE, workflow.on_failure), (FINALLY, workflow.finally_))
    for prefix, group in groups:
        for name, task in group.tasks.items():
            if task.concurrency is not None:
                yield prefix + name, (f"{workflow.address}:{name}", task.concurrency)


def _part(prefix: str, group: Group) -> Part:
    followers: dict[str, list[str]] = {name: [] for name in group.tasks}
    for name, task in group.tasks.items():
        for need in task.needs:
            followers[need].append(name)
    return Part(
        prefix,
        group.tasks,
        {name: len(task.needs) for name, task in group.tasks.items()},
        {name: tuple(names) for name, names in followers.items()},
    )
