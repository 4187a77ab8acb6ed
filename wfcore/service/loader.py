"""Loads workflows with what is installed: its triggers, actions and filters."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Any

from wfcore.language.load import ActionRules, load
from wfcore.model.records import WorkflowRecord
from wfcore.model.workflow import Code, Workflow
from wfcore.packages.permissions import flaws
from wfcore.plugins.contracts import Trigger


class Loader:
    """``trigger`` gives the started driver of a kind, ``kinds`` the installed ones.

    ``sources`` checks the code of tasks, ``limits`` are the names of those that there are, see ``load``.
    """

    def __init__(
        self,
        actions: ActionRules,
        trigger: Callable[[str], Any],
        kinds: Iterable[str],
        functions: Mapping[str, Callable[..., Any]],
        checks: Callable[[Workflow], None],
        sources: Callable[[Code], None],
        limits: Iterable[str] = (),
    ) -> None:
        self._actions = actions
        self._triggers = _Triggers(trigger, kinds)
        self._functions = functions
        self._checks = checks
        self._sources = sources
        self._limits = tuple(limits)

    def trigger(self, kind: str) -> Any:
        """The trigger driver of a kind. Raises PluginError."""
        return self._triggers[kind]

    def load(self, source: bytes | str, file: str, files: Mapping[str, str] | None = None) -> Workflow:
        """A workflow that is to be applied or run; ``files`` are the texts that its tasks may name.

        Raises InvalidWorkflow, PluginError.
        """
        workflow = load(
            source,
            file=file,
            triggers=self._triggers,
            actions=self._actions,
            functions=self._functions,
            files=files,
            sources=self._sources,
            permissions=flaws,
            limits=self._limits,
        )
        self._checks(workflow)
        return workflow

    def revision(self, record: WorkflowRecord) -> Workflow:
        """A revision that was accepted before: it stays what it was, even if an action is no longer there."""
        workflow = load(
            record.source,
            file=record.file or f"{record.id}.yaml",
            triggers=self._triggers,
            actions=_Anything(),
            functions=self._functions,
            files=record.files,
        )
        return replace(workflow, plugins=record.plugins)


class _Triggers(Mapping[str, Trigger]):
    """The installed kinds; a driver is imported when a workflow names it."""

    def __init__(self, driver: Callable[[str], Any], kinds: Iterable[str]) -> None:
        self._driver = driver
        self._kinds = tuple(kinds)

    def __getitem__(self, kind: str) -> Any:
        if kind not in self._kinds:
            raise KeyError(kind)
        return self._driver(kind)

    def __iter__(self) -> Iterator[str]:
        return iter(self._kinds)

    def __len__(self) -> int:
        return len(self._kinds)

    def __contains__(self, kind: object) -> bool:
        return kind in self._kinds


class _Anything:
    """Rules that accept every action: a missing one fails its task, not its workflow."""

    def rules(self, type: str) -> Mapping[str, Any]:
        """No rules."""
        return {}

    def names(self) -> Iterable[str]:
        """No suggestions."""
        return ()
