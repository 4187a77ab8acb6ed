"""The declarations of a workflow: its inputs and its triggers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from wfcore.errors import TriggerFault
from wfcore.language import words
from wfcore.language.draft import TRIGGER, Draft
from wfcore.language.flaw import Path
from wfcore.language.inputs import converted, fitted
from wfcore.language.schema import LATER, NOT_YET, TRIGGER_KEYS
from wfcore.model.workflow import Input, Trigger

MANUAL: Final = "manual"
_SIZED: Final = frozenset({"string", "array", "object"})
_BOUNDED: Final = _SIZED | {"int", "number", "duration"}


class TriggerChecker(Protocol):
    """The part of a trigger's driver that loading needs."""

    def check(self, spec: Any) -> Any:
        """The normalised spec. Raises TriggerFault."""


def inputs(draft: Draft) -> dict[str, Input]:
    """The declared inputs; a declaration that contradicts itself is a problem."""
    found: dict[str, Input] = {}
    for name, spec in draft.mapping("inputs").items():
        path: Path = ("inputs", name)
        if isinstance(spec, dict) and draft.sound(path):
            found[name] = _input(draft, path, name, spec)
    return found


def _input(draft: Draft, path: Path, name: str, spec: Mapping[str, Any]) -> Input:
    type = spec.get("type", "string")
    plain = Input(
        name, type, spec.get("required", False), None, spec.get("description", ""), items=spec.get("items")
    )
    _consistent(draft, path, type, spec)
    enum = []
    for index, allowed in enumerate(spec.get("enum", ())):
        try:
            enum.append(converted(type, allowed))
        except ValueError as error:
            draft.problem((*path, "enum", index), str(error))
    limits = {key: spec.get(key) for key in ("pattern", "min", "max")}
    declared = Input(
        name, type, plain.required, None, plain.description, tuple(enum), items=plain.items, **limits
    )
    default = spec.get("default")
    if default is None or not draft.sound(path):
        return declared
    try:
        value = fitted(declared, default)
    except ValueError as error:
        draft.problem((*path, "default"), str(error))
        return declared
    return Input(
        name, type, plain.required, value, plain.description, declared.enum, items=plain.items, **limits
    )


def _consistent(draft: Draft, path: Path, type: str, spec: Mapping[str, Any]) -> None:
    """Take down limits that do not go with the type, or with each other."""
    if "pattern" in spec:
        if type != "string":
            _wrong(draft, (*path, "pattern"), f"goes with the type string, not {type}")
        else:
            _pattern(draft, (*path, "pattern"), spec["pattern"])
    if "items" in spec and type != "array":
        _wrong(draft, (*path, "items"), f"goes with the type array, not {type}")
    for key in ("min", "max"):
        if key in spec and type not in _BOUNDED:
            _wrong(draft, (*path, key), f"does not go with the type {type}")
    if "min" in spec and "max" in spec and spec["min"] > spec["max"]:
        _wrong(draft, (*path, "max"), "is less than 'min'")


def _pattern(draft: Draft, path: Path, pattern: str) -> None:
    from wfcore.language.evaluation import Fault
    from wfcore.language.filters.patterns import compiled

    try:
        compiled(pattern)
    except (Fault, UnicodeError) as error:
        _wrong(draft, path, str(error))


def _wrong(draft: Draft, path: Path, message: str) -> None:
    draft.flawed.add(path)
    draft.problem(path, message)


def triggers(
    draft: Draft, installed: Mapping[str, TriggerChecker], declared: Mapping[str, Input]
) -> tuple[Trigger, ...]:
    """The triggers; a workflow without any is started by hand."""
    specs: list[tuple[Path, Any]] = [(("trigger",), draft.data["trigger"])] if "trigger" in draft.data else []
    several = draft.data.get("triggers")
    if isinstance(several, list):
        specs += [(("triggers", index), spec) for index, spec in enumerate(several)]
    names = _names(draft, specs)
    found: list[Trigger] = []
    for path, spec in specs:
        kind = _kind(draft, path, spec, installed) if isinstance(spec, dict) and spec else None
        if kind is not None:
            found.append(_trigger(draft, path, spec, kind, installed[kind], declared, names))
    if specs or MANUAL not in installed:
        return tuple(found)
    return (Trigger(MANUAL, MANUAL, installed[MANUAL].check(None)),)


def _names(draft: Draft, specs: list[tuple[Path, Any]]) -> set[str]:
    """The names that triggers give themselves."""
    taken: set[str] = set()
    for path, spec in specs:
        name = spec.get("name") if isinstance(spec, dict) else None
        if not isinstance(name, str):
            continue
        if name in taken:
            draft.problem((*path, "name"), f"another trigger has the name {words.quoted(name)}")
        taken.add(name)
    return taken


def _kind(
    draft: Draft, path: Path, spec: Mapping[str, Any], installed: Mapping[str, TriggerChecker]
) -> str | None:
    """The key that names the kind of trigger."""
    kinds = [key for key in spec if key not in TRIGGER_KEYS]
    known = [key for key in kinds if key in installed]
    for key in kinds:
        if key in LATER["trigger"]:
            draft.problem((*path, key), NOT_YET, key=True)
        elif key not in installed:
            near = (
                words.hint(key, [*installed, *TRIGGER_KEYS])
                or f"; there are {words.listed(sorted(installed))}"
            )
            draft.problem((*path, key), f"no plugin provides the trigger {words.quoted(key)}{near}", key=True)
    if not kinds:
        draft.problem(
            path, f"names no kind of trigger; there are {words.listed(sorted(installed))}", key=True
        )
    if len(known) > 1:
        message = "a trigger has one kind; put each into an entry of its own below 'triggers'"
        draft.problem((*path, known[1]), message, key=True)
    return known[0] if known else None


def _trigger(
    draft: Draft,
    path: Path,
    spec: Mapping[str, Any],
    kind: str,
    driver: TriggerChecker,
    declared: Mapping[str, Input],
    taken: set[str],
) -> Trigger:
    checked = None
    try:
        checked = driver.check(spec[kind])
    except TriggerFault as fault:
        draft.problem((*path, kind, *fault.path), fault.message)
    except Exception as error:
        draft.problem(
            (*path, kind), f"the trigger's plugin failed to check this: {type(error).__name__}: {error}"
        )
    if "if" in spec and draft.sound((*path, "if")):
        draft.condition((*path, "if"), spec["if"], TRIGGER)
    if "inputs" in spec and draft.sound((*path, "inputs")):
        draft.tree((*path, "inputs"), spec["inputs"], TRIGGER)
        _given(draft, (*path, "inputs"), spec["inputs"], declared)
    _complete(draft, path, spec, kind, declared)
    return Trigger(
        _name(spec, kind, taken),
        kind,
        checked,
        draft.expressions.get((*path, "if")),
        draft.expressions.get((*path, "inputs")),
    )


def _given(draft: Draft, path: Path, given: Mapping[str, Any], declared: Mapping[str, Input]) -> None:
    """What a trigger gives must be declared, and fit where it is constant."""
    for name, value in given.items():
        if name not in draft.mapping("inputs"):
            near = words.hint(name, declared) or "; declare it under 'inputs'"
            draft.problem((*path, name), f"there is no input {words.quoted(name)}{near}", key=True)
        elif name in declared and value is not None and not templated(value):
            try:
                fitted(declared[name], value)
            except ValueError as error:
                draft.problem((*path, name), str(error))


def _complete(
    draft: Draft, path: Path, spec: Mapping[str, Any], kind: str, declared: Mapping[str, Input]
) -> None:
    """A trigger that nobody stands beside must give all that is required."""
    given = spec.get("inputs", {})
    if kind == MANUAL or not isinstance(given, dict):
        return
    for name, declaration in declared.items():
        if declaration.required and declaration.default is None and name not in given:
            draft.problem(
                (*path, "inputs"), f"the input '{name}' is required; give it here, or a default", key=True
            )


def _name(spec: Mapping[str, Any], kind: str, taken: set[str]) -> str:
    given = spec.get("name")
    if isinstance(given, str):
        return given
    name, number = kind, 1
    while name in taken:
        number += 1
        name = f"{kind}{number}"
    taken.add(name)
    return name


def templated(value: Any) -> bool:
    if isinstance(value, str):
        return "{{" in value
    if isinstance(value, dict):
        return any(map(templated, value.values()))
    return isinstance(value, list) and any(map(templated, value))
