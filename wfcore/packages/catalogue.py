"""All actions by their type: drivers' (``core/log``) and packages' (``community/slack.send``)."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from wfcore.errors import Cancel, Forbidden, PluginError, RetryableError, TerminalError, WorkflowError
from wfcore.language import words
from wfcore.language.inputs import check_action_inputs
from wfcore.language.shape import Rules
from wfcore.model.workflow import Workflow
from wfcore.packages.broker import Access, Denied
from wfcore.packages.manifest import PackageAction
from wfcore.packages.permissions import Permissions, parse
from wfcore.packages.reach import Reach, reach
from wfcore.packages.running import plain, run
from wfcore.packages.shelf import Package, Shelf
from wfcore.plugins.contracts import Action, Limits, Result, Runtime, TaskContext
from wfcore.plugins.packs import Packs


class Catalogue:
    """``runtime`` gives the started runtime of a name, ``secret`` a secret as a workflow has it; ``denied``
    is told what was refused.
    """

    def __init__(
        self,
        packs: Packs,
        shelf: Shelf,
        runtime: Callable[[str], Runtime],
        secret: Callable[[str, str], str | None],
        denied: Denied,
    ) -> None:
        self._packs = packs
        self._shelf = shelf
        self._runtime = runtime
        self._secret = secret
        self._denied = denied

    def find(self, type: str, pins: Mapping[str, str]) -> Action:
        """The action of a task's type, of the package version that ``pins`` names. Raises PluginError."""
        found = self._packaged(type, pins)
        if found is None:
            action = self._packs.get(type)
            if action is None:
                raise self._unknown(type)
            return action
        package, spec = found
        return Action(type, partial(self._run, package, spec), spec.inputs, spec.description, "refused")

    def rules(self, type: str) -> Mapping[str, Any] | None:
        """The cerberus rules of an action's inputs, or None when there is no such action."""
        found = self._packaged(type, {})
        if found is not None:
            return found[1].inputs
        action = self._packs.get(type)
        return None if action is None else action.inputs

    def names(self) -> Iterator[str]:
        """All types of actions that work."""
        yield from self._packs.names()
        for name in self._shelf.current():
            try:
                package = self._shelf.find(name, {})
            except PluginError:
                continue  # a package that nobody named is no reason to fail
            yield from package.manifest.types if package else ()

    def pins(self, workflow: Workflow) -> dict[str, str]:
        """The packages that a workflow would use now, by itself and by what it calls: name -> digest."""
        found: dict[str, str] = {}
        waiting = list(_types(workflow))
        while waiting:
            type = waiting.pop()
            name, _, action = type.partition(".")
            if name in found or not action or self._packs.owns(type):
                continue
            package = self._shelf.find(name, {})
            if package is not None:
                found[name] = package.record.digest
                waiting += package.permissions.calls
        return dict(sorted(found.items()))

    def reach(self, workflow: Workflow) -> Iterator[Reach]:
        """Who can reach what in a workflow."""
        return reach(workflow, self._shelf, self._packs.owns)

    def call(self, type: str, inputs: Any, task: TaskContext) -> Any:
        """The output of an action that code calls. Raises TerminalError, RetryableError, Cancel."""
        try:
            action = self.find(type, task.pins)
            value = action.run(check_action_inputs(action.inputs, inputs), task)
        except (TerminalError, RetryableError, Cancel):
            raise
        except WorkflowError as error:
            if isinstance(error, Forbidden):
                self._denied(type, "", error.message, task)
            raise TerminalError(error.message, kind=error.code, remedy=error.remedy) from None
        if isinstance(value, Result):
            if value.wait_until is not None:
                raise TerminalError(f"{type} waits, which only a task of its own can", kind="waits")
            value = value.output
        return plain(value)

    def _run(
        self, package: Package, spec: PackageAction, inputs: Mapping[str, Any], task: TaskContext
    ) -> Any:
        manifest = package.manifest
        access = Access(
            name=manifest.name,
            action=spec.name,
            permissions=narrowed(package.permissions, task),
            records=f"package:{task.namespace}/{manifest.name}",
            secret=lambda slot: self._secret(
                package.record.secrets.get(slot, slot), f"{task.namespace}/{task.workflow}"
            ),
            call=self.call,
            denied=self._denied,
        )
        limits = Limits(timeout=task.remaining(manifest.timeout), memory=manifest.memory)
        runtime = self._runtime(manifest.runtime)
        output = run(runtime, package.module, access, inputs, limits, task)
        _expect_output(spec, output)
        return output

    def _packaged(self, type: str, pins: Mapping[str, str]) -> tuple[Package, PackageAction] | None:
        name, _, action = type.partition(".")
        if not action or self._packs.owns(type):
            return None
        package = self._shelf.find(name, pins)
        spec = package.manifest.actions.get(action) if package else None
        return (package, spec) if package and spec else None

    def _unknown(self, type: str) -> PluginError:
        near = difflib.get_close_matches(type, list(self.names()), 1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        remedy = "install the plugin that brings it; `workflow plugin list` shows what is there"
        return PluginError(f"no plugin provides the action {type}{hint}", remedy=remedy)


def narrowed(permissions: Permissions, task: TaskContext) -> Permissions:
    """What the task leaves of them. Raises InvalidInput when it says no permissions that can be read."""
    return permissions if task.permissions is None else permissions.narrow(parse(task.permissions))


def _types(workflow: Workflow) -> Iterable[str]:
    for group in (workflow.tasks, workflow.on_failure, workflow.finally_):
        for task in group.tasks.values():
            yield task.type
            yield from (task.permissions or {}).get("calls", ()) if task.code else ()


def _expect_output(spec: PackageAction, output: Any) -> None:
    """Raise TerminalError (``output``) when a result is not what the manifest says."""
    if spec.output is None:
        return
    flaws = Rules({"output": spec.output}).check({"output": output}, fill=False)[1]
    if flaws:
        told = "; ".join(f"{words.path(flaw.path)}: {flaw.message}" for flaw in flaws)
        raise TerminalError(f"the result is not what the manifest says: {told}", kind="output")
