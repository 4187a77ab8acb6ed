"""What a shape cannot say: names that must be known, and a graph that must have no cycle."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import pairwise
from typing import Any, Final

from wfcore.language import words
from wfcore.language.draft import Draft, Place
from wfcore.language.expression import Use
from wfcore.language.flaw import Path
from wfcore.language.schema import GROUPS, NOT_YET

#: What ``tasks.NAME.`` may be followed by.
TASK_FIELDS: Final = ("output", "meta", "state", "error", "attempt")
#: Roots that the design has and this version has not.
LATER_ROOTS: Final = frozenset({"item", "kv"})
ROOTS: Final = ("inputs", "vars", "tasks", "trigger", "execution", "workflow", "secrets", "env", "error")
#: The groups whose tasks a place may read.
_READABLE: Final[Mapping[str, tuple[str, ...]]] = {
    "tasks": ("tasks",),
    "outputs": ("tasks",),
    "on_failure": ("tasks", "on_failure"),
    "finally": GROUPS,
}
_HYPHENED: Final = re.compile(r"(tasks|inputs|vars)\.([A-Za-z_][A-Za-z0-9_]*(?:-[A-Za-z0-9_]+)+)")


class Names:
    """All names that templates may mention. ``groups`` says where each task is, ``own`` its own secrets."""

    def __init__(self, draft: Draft) -> None:
        self.inputs = draft.mapping("inputs")
        self.vars = draft.mapping("vars")
        self.secrets = _listed(draft.data)
        self.own: dict[str, list[str]] = {}
        self.groups: dict[str, str] = {}
        for group in GROUPS:
            for name in draft.mapping(group):
                self.groups.setdefault(name, group)
                task = draft.mapping(group)[name]
                if isinstance(task, dict) and "secrets" in task:
                    self.own[name] = _listed(task)

    def of(self, root: str) -> Mapping[str, object]:
        """The names below ``tasks``, ``inputs`` or ``vars``."""
        return {"tasks": self.groups, "inputs": self.inputs, "vars": self.vars}[root]


def _listed(of: Mapping[str, Any]) -> list[str]:
    given = of.get("secrets")
    return [name for name in given if isinstance(name, str)] if isinstance(given, list) else []


def names(draft: Draft) -> Names:
    """All names; a task that has the name of another is a problem."""
    known = Names(draft)
    for group in GROUPS:
        for name in draft.mapping(group):
            if known.groups[name] != group:
                draft.problem(
                    (group, name), f"there is a task of this name in '{known.groups[name]}'", key=True
                )
    return known


def references(draft: Draft, known: Names) -> None:
    """Every root that a template reads must be there, and what it reads of inputs, vars and tasks too."""
    told: set[tuple[Path, int]] = set()
    for path, text, use, place in draft.uses:
        message, offset = _fault(use, place, known), use.offset
        if message is None:
            continue
        for match in _HYPHENED.finditer(text):
            if match.start() <= use.offset < match.end() and match[2] in known.of(match[1]):
                message, offset = f"a name with '-' goes in brackets: {match[1]}['{match[2]}']", match.start()
        if (path, offset) not in told:
            told.add((path, offset))
            draft.problem(path, message, offset=offset)


def secrets(draft: Draft, known: Names) -> None:
    """A task's own secrets are among the workflow's, and so are those that its code has slots for."""
    for group in GROUPS:
        for name, task in draft.mapping(group).items():
            if not isinstance(task, dict):
                continue
            for index, secret in enumerate(known.own.get(name, ())):
                path: Path = (group, name, "secrets", index)
                if secret not in known.secrets and draft.sound(path):
                    draft.problem(path, _unlisted(secret, known))
            if task.get("type") == "core/code":
                _slots(draft, (group, name), task, known)


def _slots(draft: Draft, path: Path, task: Mapping[str, Any], known: Names) -> None:
    permissions = task.get("permissions")
    slots = permissions.get("secrets") if isinstance(permissions, dict) else None
    for slot in slots if isinstance(slots, dict) else ():
        fault = _unreadable(slot, str(path[1]), known)
        if fault:
            draft.problem((*path, "permissions", "secrets", slot), fault, key=True)


def _unreadable(name: object, task: str, known: Names) -> str | None:
    if name not in known.secrets:
        return _unlisted(name, known)
    if name not in known.own.get(task, known.secrets):
        return f"the secret {words.quoted(name)} is not among the task's own 'secrets'"
    return None


def _unlisted(name: object, known: Names) -> str:
    near = words.hint(name, known.secrets) or "; list it under 'secrets' at the top"
    return f"the workflow has no secret {words.quoted(name)}{near}"


def _fault(use: Use, place: Place, known: Names) -> str | None:
    if use.root in LATER_ROOTS:
        return f"'{use.root}' {NOT_YET}"
    if use.root not in ROOTS:
        return f"unknown name {words.quoted(use.root)}{_guess(use.root, known)}"
    if use.root not in place.roots:
        return f"'{use.root}' is not available here; there are {words.listed(sorted(place.roots))}"
    if not use.keys:
        return None
    name = use.keys[0]
    if use.root == "tasks":
        return _task_fault(use, place, known)
    if use.root in ("inputs", "vars") and name not in known.of(use.root):
        what = "input" if use.root == "inputs" else "variable"
        declared = known.of(use.root)
        advice = words.hint(name, declared) or f"; declare it under '{use.root}'"
        return f"there is no {what} {words.quoted(name)}{advice}"
    if use.root == "secrets":
        return _unreadable(name, place.task, known)
    return None


def _task_fault(use: Use, place: Place, known: Names) -> str | None:
    name = str(use.keys[0])
    group = known.groups.get(name)
    readable = _READABLE[place.group]
    if group is None:
        there = [task for task, where in known.groups.items() if where in readable]
        return f"there is no task {words.quoted(name)}{words.hint(name, there)}"
    if group not in readable:
        return f"the task '{name}' is in '{group}', which runs later"
    if group == place.group and name == place.task:
        return "a task cannot read its own result"
    if len(use.keys) > 1 and use.keys[1] not in TASK_FIELDS:
        field = use.keys[1]
        if field == "files":
            return f"'files' {NOT_YET}"
        near = words.hint(field, TASK_FIELDS)
        return f"a task has {words.listed(TASK_FIELDS)}, not {words.quoted(field)}{near}"
    return None


def _guess(name: str, known: Names) -> str:
    for root in ("tasks", "inputs", "vars"):
        if name in known.of(root):
            return f" (did you mean '{root}.{name}'?)"
    return words.hint(name, ROOTS) or "; a text stands in quotes"


#: For each task the tasks it needs, each with where that is said.
Edges = dict[str, dict[str, tuple[Path, int | None]]]


def graph(draft: Draft, known: Names) -> dict[str, dict[str, tuple[str, ...]]]:
    """The needs of every task, by group and name, in file order; unknown needs and cycles are problems."""
    sequence = draft.data.get("order") == "sequence"
    found: dict[str, dict[str, tuple[str, ...]]] = {}
    for group in GROUPS:
        edges = _explicit(draft, group, known)
        for path, _, use, place in draft.uses:
            if place.group == group and place.task and use.root == "tasks":
                name = str(use.keys[0])
                if name in edges and name != place.task and known.groups[name] == group:
                    edges[place.task].setdefault(name, (path, use.offset))
        if sequence:
            tasks = list(edges)
            for earlier, later in pairwise(tasks):
                edges[later].setdefault(earlier, ((group, later), None))
        _acyclic(draft, edges, sequence=sequence)
        places = {name: index for index, name in enumerate(edges)}
        found[group] = {name: tuple(sorted(needs, key=places.__getitem__)) for name, needs in edges.items()}
    return found


def _explicit(draft: Draft, group: str, known: Names) -> Edges:
    tasks = draft.mapping(group)
    edges: Edges = {name: {} for name in tasks}
    for name, task in tasks.items():
        if not isinstance(task, dict) or not draft.sound((group, name, "needs")):
            continue
        given = task.get("needs", [])
        single = isinstance(given, str)
        for index, need in enumerate([given] if single else given):
            path: Path = (group, name, "needs") if single else (group, name, "needs", index)
            if need == name:
                draft.problem(path, "a task cannot need itself")
            elif need in tasks:
                edges[name].setdefault(need, (path, None))
            else:
                draft.problem(path, _no_need(need, group, tasks, known))
    return edges


def _no_need(need: str, group: str, tasks: Iterable[str], known: Names) -> str:
    other = known.groups.get(need)
    if other is None:
        return f"there is no task {words.quoted(need)}{words.hint(need, tasks)}"
    if GROUPS.index(other) < GROUPS.index(group):
        return f"the task '{need}' is in '{other}', which is over before '{group}' begins; leave the need out"
    return f"the task '{need}' is in '{other}', which runs later"


def _acyclic(draft: Draft, edges: Edges, *, sequence: bool) -> None:
    """Take down one problem for each cycle that a walk along the needs meets."""
    done: set[str] = set()
    for start in edges:
        trail: list[str] = []
        on_trail: set[str] = set()
        waiting: list[tuple[str, bool]] = [(start, True)]
        while waiting:
            name, entering = waiting.pop()
            if not entering:
                on_trail.discard(trail.pop())
                done.add(name)
            elif name in on_trail:
                cycle = [*trail[trail.index(name) :], name]
                path, offset = _said(draft, edges, cycle)
                why = " ('order: sequence' runs the tasks in file order)" if sequence else ""
                draft.problem(
                    path,
                    f"the needs go in a circle: {words.listed(cycle, 20).replace(', ', ' → ')}{why}",
                    offset=offset,
                )
            elif name not in done:
                trail.append(name)
                on_trail.add(name)
                waiting.append((name, False))
                waiting.extend((need, True) for need in reversed(edges[name]))


def _said(draft: Draft, edges: Edges, cycle: list[str]) -> tuple[Path, int | None]:
    """Where the cycle is closed: the last of its needs that the file says itself."""
    places = [edges[name][need] for name, need in pairwise(cycle)]
    said = [place for place in places if len(place[0]) > 2] or places
    return max(said, key=lambda place: _position(draft, place))


def _position(draft: Draft, place: tuple[Path, int | None]) -> tuple[int, int]:
    at = draft.document.problem(place[0], "", offset=place[1])
    return at.line, at.column
