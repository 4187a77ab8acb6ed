"""Who can reach what: for each task of a workflow, what its code may do, and what each layer takes away."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from wfcore.errors import PluginError
from wfcore.model.execution import FINALLY, ON_FAILURE
from wfcore.model.workflow import Task, Workflow
from wfcore.packages.permissions import Permissions, bounded, missing, parse
from wfcore.packages.shelf import Package, Shelf

Kind = Literal["package", "code", "native", "missing"]


@dataclass(frozen=True, slots=True)
class Reach:
    """What one action may do in a task. ``via`` are the actions that call it, from the task's own on.

    ``permissions`` are those that hold; ``refused`` has, in words, what the manifest declares and who
    refuses it. A ``native`` action is the server's own code: no permissions bound it but the egress rules.
    """

    task: str
    type: str
    via: tuple[str, ...]
    kind: Kind
    package: str
    permissions: Permissions
    refused: tuple[tuple[str, str], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """As the API gives it."""
        return {
            "task": self.task,
            "type": self.type,
            "via": list(self.via),
            "kind": self.kind,
            "package": self.package,
            "may": self.permissions.words(),
            "permissions": self.permissions.to_dict(),
            "refused": [{"what": what, "by": by} for what, by in self.refused],
        }


def reach(workflow: Workflow, shelf: Shelf, owns: Callable[[str], bool]) -> Iterator[Reach]:
    """All that a workflow's tasks may reach, with the packages it was applied with.

    ``owns`` says whether an action is a driver's.
    """
    for prefix, group in (
        ("", workflow.tasks),
        (ON_FAILURE, workflow.on_failure),
        (FINALLY, workflow.finally_),
    ):
        for task in group.tasks.values():
            yield from _Survey(workflow, task, f"{prefix}{task.name}", shelf, owns).actions(task.type, ())


@dataclass(frozen=True, slots=True)
class _Survey:
    workflow: Workflow
    task: Task
    path: str
    shelf: Shelf
    owns: Callable[[str], bool]

    def actions(self, type: str, via: tuple[str, ...]) -> Iterator[Reach]:
        """An action and those that it may call; each once on a way, since actions may call in a circle."""
        found = self._reach(type, via)
        yield found
        for called in found.permissions.calls:
            if called not in (*via, type):
                yield from self.actions(called, (*via, type))

    def _reach(self, type: str, via: tuple[str, ...]) -> Reach:
        bounds = bounded(self.workflow.permissions, self.task)
        if self.task.code is not None and not via:
            return self._code(type, parse(bounds))
        if self.owns(type):
            return Reach(self.path, type, via, "native", "", Permissions())
        try:
            package = self.shelf.find(type.partition(".")[0], self.workflow.plugins)
        except PluginError:
            package = None
        if package is None:
            return Reach(self.path, type, via, "missing", "", Permissions())
        return self._packaged(type, via, package, bounds)

    def _code(self, type: str, permissions: Permissions) -> Reach:
        wanted = parse(self.task.permissions)
        refused = ((what, "workflow") for what in missing(wanted, permissions))
        return Reach(self.path, type, (), "code", "", permissions, tuple(refused))

    def _packaged(
        self, type: str, via: tuple[str, ...], package: Package, bounds: Mapping[str, Any] | None
    ) -> Reach:
        declared, granted = package.manifest.permissions, package.permissions
        effective = granted if bounds is None else granted.narrow(parse(bounds))
        refused = [(what, "grant") for what in missing(declared, granted)]
        refused += [(what, self._who(what, granted)) for what in missing(granted, effective)]
        label = f"{package.manifest.name} {package.manifest.version}"
        return Reach(self.path, type, via, "package", label, effective, tuple(refused))

    def _who(self, what: str, granted: Permissions) -> str:
        """Whether the workflow or the task takes it away."""
        bounds = self.workflow.permissions
        return (
            "workflow"
            if bounds is not None and what in missing(granted, granted.narrow(parse(bounds)))
            else "task"
        )
