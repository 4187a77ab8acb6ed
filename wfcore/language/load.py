"""From the bytes of a file to a frozen workflow, or to all of its problems."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from wfcore.errors import InvalidWorkflow
from wfcore.language import check, code, concurrency, declare, schema, words
from wfcore.language.declare import TriggerChecker, templated
from wfcore.language.draft import OUTPUTS, VARS, Draft, Enough, within
from wfcore.language.duration import parse as seconds
from wfcore.language.filters import table
from wfcore.language.flaw import Flaw, Path
from wfcore.language.schema import GROUPS
from wfcore.language.shape import rules_of
from wfcore.language.source import read
from wfcore.model.values import Expression
from wfcore.model.workflow import DEFAULT_NAMESPACE, ID_PATTERN, Code, Group, Retry, Task, Trigger, Workflow

Needs = Mapping[str, Mapping[str, tuple[str, ...]]]


class ActionRules(Protocol):
    """What loading asks of the installed actions."""

    def rules(self, type: str) -> Mapping[str, Any] | None:
        """The cerberus rules of an action's inputs (empty: anything goes), or None for an unknown action."""

    def names(self) -> Iterable[str]:
        """All action types, for suggestions."""


def load(
    source: bytes | str,
    *,
    file: str = "workflow.yaml",
    triggers: Mapping[str, TriggerChecker],
    actions: ActionRules,
    functions: Mapping[str, Callable[..., Any]] | None = None,
    files: Mapping[str, str] | None = None,
    sources: Callable[[Code], None] | None = None,
    permissions: Callable[[Any], Iterable[Flaw]] | None = None,
    limits: Iterable[str] | None = None,
) -> Workflow:
    """The workflow that a file says. ``functions`` are the filters that plugins add.

    ``files`` are the texts that tasks may name by ``file``; ``sources`` checks the code of tasks and raises
    SourceFault, ``permissions`` gives what is wrong with such, ``limits`` are the names of those that the
    installation has, where that is known. Raises InvalidWorkflow with all
    problems, sorted, each with line, column and path.
    """
    draft = Draft(read(source, file), table(functions))
    try:
        draft.take(schema.flaws(rules_of(schema.WORKFLOW), draft.document.root.value))
        id = _id(draft, file)
        inputs = declare.inputs(draft)
        found = declare.triggers(draft, triggers, inputs)
        _expressions(draft)
        concurrency.compile_keys(draft)
        known = check.names(draft)
        check.references(draft, known)
        check.secrets(draft, known)
        needs = check.graph(draft, known)
        _actions(draft, actions)
        concurrency.check(draft, limits)
        if permissions is not None:
            _permissions(draft, permissions)
        codes = code.codes(draft, files or {}, sources)
    except Enough:
        raise InvalidWorkflow(draft.problems, remedy="there are more problems; these come first") from None
    if draft.problems:
        raise InvalidWorkflow(list(dict.fromkeys(draft.problems)))
    content = source.encode() if isinstance(source, str) else bytes(source)
    used = {one.file: one.source for one in codes.values() if not one.inline}
    return _workflow(draft, id, _digest(content, used), inputs, found, needs, codes)


def _digest(content: bytes, files: Mapping[str, str]) -> str:
    """The sha256 of the source and, if it names files, of their names and texts."""
    hashed = hashlib.sha256(content)
    for name, text in sorted(files.items()):
        hashed.update(b"\0" + name.encode() + b"\0" + hashlib.sha256(text.encode()).digest())
    return hashed.hexdigest()


def _expressions(draft: Draft) -> None:
    """Compile all templates of tasks, variables and outputs."""
    for key, place in (("vars", VARS), ("outputs", OUTPUTS)):
        if draft.mapping(key):
            draft.tree((key,), draft.mapping(key), place)
    for group in GROUPS:
        for name, task in draft.mapping(group).items():
            if isinstance(task, dict):
                _task_expressions(draft, group, name, task)


def _task_expressions(draft: Draft, group: str, name: str, task: Mapping[str, Any]) -> None:
    path: Path = (group, name)
    place = within(group, name)
    inputs = task.get("inputs", {})
    if draft.sound((*path, "inputs")):
        draft.tree((*path, "inputs"), inputs, place)
        if isinstance(inputs, str) and "{{" not in inputs:
            draft.problem((*path, "inputs"), "must be a mapping, or a template that gives one")
    if "if" in task and draft.sound((*path, "if")):
        draft.condition((*path, "if"), task["if"], place)
    retry = task.get("retry")
    if isinstance(retry, dict) and "if" in retry and draft.sound((*path, "retry", "if")):
        draft.condition((*path, "retry", "if"), retry["if"], within(group, name, failing=True))


def _actions(draft: Draft, actions: ActionRules) -> None:
    """Every action must be installed, and get the inputs it asks for, as far as they are known now."""
    for group in GROUPS:
        for name, task in draft.mapping(group).items():
            path: Path = (group, name, "type")
            if not isinstance(task, dict) or "type" not in task or not draft.sound(path):
                continue
            rules = actions.rules(task["type"])
            if rules is None:
                near = words.hint(task["type"], actions.names())
                draft.problem(path, f"no plugin provides the action {words.quoted(task['type'])}{near}")
            elif rules and task["type"] != code.TYPE and draft.sound((group, name, "inputs")):
                inputs = task.get("inputs", {})
                if isinstance(inputs, dict):
                    draft.take(input_flaws(rules, inputs), (group, name, "inputs"))


def _permissions(draft: Draft, flaws: Callable[[Any], Iterable[Flaw]]) -> None:
    """What the shape of a file cannot say of permissions: patterns, paths and names that are none."""
    whole: Path = ("permissions",)
    if "permissions" in draft.data and draft.sound(whole):
        draft.take(flaws(draft.data["permissions"]), whole)
    for group in GROUPS:
        for name, task in draft.mapping(group).items():
            path: Path = (group, name, "permissions")
            if isinstance(task, dict) and "permissions" in task and draft.sound(path):
                draft.take(flaws(task["permissions"]), path)


def input_flaws(rules: Mapping[str, Any], inputs: Mapping[str, Any]) -> list[Flaw]:
    """What is wrong with an action's inputs; of templated ones it is only known that they are there."""
    open = frozenset(key for key, value in inputs.items() if templated(value))
    shown = {key: True if key in open else value for key, value in inputs.items()}
    return rules_of(rules, open.intersection(rules)).check(shown)[1]


def _id(draft: Draft, file: str) -> str:
    """The id, or else the first part of the file's name."""
    given = draft.data.get("id")
    if given is not None:
        return str(given)
    stem = re.split(r"[/\\]", file)[-1].split(".")[0]
    if not re.fullmatch(ID_PATTERN, stem):
        message = f"is missing, and the file's name gives none: {words.quoted(stem)} is not a valid id"
        draft.problem(("id",), message)
    return stem


def _workflow(
    draft: Draft,
    id: str,
    digest: str,
    inputs: Mapping[str, Any],
    triggers: tuple[Trigger, ...],
    needs: Needs,
    codes: Mapping[Path, Code],
) -> Workflow:
    data = draft.data
    groups = {
        group: Group(
            {
                name: _task(draft, (group, name), task, needs[group][name], codes.get((group, name)))
                for name, task in draft.mapping(group).items()
            }
        )
        for group in GROUPS
    }
    return Workflow(
        namespace=data.get("namespace", DEFAULT_NAMESPACE),
        id=id,
        source=draft.document.text,
        digest=digest,
        description=data.get("description", ""),
        enabled=data.get("enabled", True),
        labels=data.get("labels", {}),
        inputs=inputs,
        vars=draft.expressions.get(("vars",)),
        triggers=triggers,
        tasks=groups["tasks"],
        on_failure=groups["on_failure"],
        finally_=groups["finally"],
        outputs=draft.expressions.get(("outputs",)),
        timeout=_seconds(data, "timeout"),
        order=data.get("order", "dag"),
        secrets=frozenset(data.get("secrets", ())),
        permissions=data.get("permissions"),
        concurrency=concurrency.declared(draft, ()),
    )


def _task(
    draft: Draft, path: Path, spec: Mapping[str, Any], needs: tuple[str, ...], source: Code | None
) -> Task:
    inputs: Expression = draft.expressions[(*path, "inputs")]
    if source is not None:
        inputs = code.data(inputs if "inputs" in spec else None, needs)
    return Task(
        name=str(path[-1]),
        type=spec["type"],
        inputs=inputs,
        needs=needs,
        condition=draft.expressions.get((*path, "if")),
        retry=_retry(spec.get("retry", 0), draft.expressions.get((*path, "retry", "if"))),
        timeout=_seconds(spec, "timeout"),
        continue_on_error=spec.get("continue_on_error", False),
        enabled=spec.get("enabled", True),
        description=spec.get("description", ""),
        code=source,
        permissions=spec.get("permissions"),
        runs_on=spec.get("runs_on", ""),
        secrets=frozenset(spec["secrets"]) if "secrets" in spec else None,
        sensitive=spec.get("sensitive", False),
        concurrency=concurrency.declared(draft, path),
    )


def _retry(spec: Any, condition: Expression | None) -> Retry:
    if isinstance(spec, int):
        return _NO_RETRY if spec == 0 else Retry(spec)
    kinds = spec.get("for", ())
    plain: dict[str, Any] = {key: spec[key] for key in ("max", "backoff", "factor", "jitter") if key in spec}
    times: dict[str, Any] = {key: seconds(spec[key]) for key in ("delay", "max_delay") if key in spec}
    return Retry(
        **plain, **times, kinds=(kinds,) if isinstance(kinds, str) else tuple(kinds), condition=condition
    )


def _seconds(spec: Mapping[str, Any], key: str) -> float | None:
    return seconds(spec[key]) if key in spec else None


_NO_RETRY: Final = Retry()
