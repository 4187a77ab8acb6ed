"""How many of a workflow, or of a task, may run at once: ``concurrency``, wherever it stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from wfcore.language import words
from wfcore.language.draft import KEY, Draft
from wfcore.language.flaw import Path
from wfcore.language.schema import GROUPS
from wfcore.model.workflow import Concurrency

WORD: Final = "concurrency"


def compile_keys(draft: Draft) -> None:
    """Compile the keys; they see what is known before an execution exists."""
    for path, spec in _all(draft):
        if isinstance(spec, dict) and "key" in spec:
            draft.tree((*path, "key"), spec["key"], KEY)


def check(draft: Draft, limits: Iterable[str] | None) -> None:
    """Names of limits are among ``limits``, where these are known; nothing waits for what it holds itself."""
    known = None if limits is None else sorted(limits)
    held = _limit(draft.data.get(WORD))
    for path, spec in _all(draft):
        limit = _limit(spec)
        at = (*path, "limit") if isinstance(spec, dict) else path
        if isinstance(limit, str) and known is not None and limit not in known:
            near = words.hint(limit, known) or _advice(known)
            draft.problem(at, f"this installation has no limit {words.quoted(limit)}{near}")
        if len(path) > 1 and isinstance(limit, str) and limit == held:
            draft.problem(at, f"the workflow holds {words.quoted(limit)} itself while its tasks run")
        if isinstance(limit, str) and isinstance(spec, dict) and spec.get("on_limit") == "cancel_oldest":
            draft.problem(
                (*path, "on_limit"),
                "goes with a limit that is a number: a named one is held by other workflows too",
            )


def declared(draft: Draft, path: Path) -> Concurrency | None:
    """What is said at a place; None when nothing is."""
    spec: Any = draft.data
    for part in (*path, WORD):
        spec = spec.get(part) if isinstance(spec, dict) else None
    if spec is None:
        return None
    if not isinstance(spec, dict):
        return Concurrency(spec)
    key = draft.expressions.get((*path, WORD, "key"))
    return Concurrency(spec["limit"], key, spec.get("on_limit", "wait"))


def _all(draft: Draft) -> Iterator[tuple[Path, Any]]:
    """What the workflow and its tasks say, each with its place, as far as its shape is right."""
    places: list[tuple[Path, Mapping[str, Any]]] = [((WORD,), draft.data)]
    for group in GROUPS:
        for name, task in draft.mapping(group).items():
            if isinstance(task, dict):
                places.append(((group, name, WORD), task))
    for path, holder in places:
        if WORD in holder and draft.sound(path):
            yield path, holder[WORD]


def _limit(spec: Any) -> Any:
    return spec.get("limit") if isinstance(spec, dict) else spec


def _advice(known: list[str]) -> str:
    if known:
        return f"; there are {words.listed(known)}"
    return "; the configuration gives it, as execution.limits.NAME"
