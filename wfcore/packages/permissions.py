"""What sandboxed code may do beyond computing: nothing by default.

A manifest declares it, the operator grants it, a workflow and its tasks narrow it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from wfcore.egress.rules import Rule
from wfcore.errors import InvalidInput
from wfcore.language import words
from wfcore.language.flaw import Flaw
from wfcore.language.shape import rules_of
from wfcore.packages import network

if TYPE_CHECKING:
    from wfcore.model.workflow import Task

_Say = Callable[[str, str], None]
_ENV: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
_SLOT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]{0,127}")
_CALL: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*/[A-Za-z0-9][A-Za-z0-9_.-]*")
_FILE: Final = re.compile(r"/[^\x00-\x1f\x7f*]{0,511}\*?")


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a secret may go. With ``reveal`` the code may see its text."""

    to: tuple[Rule, ...] = ()
    reveal: bool = False


@dataclass(frozen=True, slots=True)
class Permissions:
    """``read`` and ``write`` are absolute paths of the task's virtual files; what ends in ``*`` is a prefix.

    ``secrets`` are slots by name; ``calls`` types of actions; ``kv`` is about durable records.
    """

    network: tuple[Rule, ...] = ()
    read: tuple[str, ...] = ()
    write: tuple[str, ...] = ()
    env: tuple[str, ...] = ()
    secrets: Mapping[str, Slot] = field(default_factory=dict)
    calls: tuple[str, ...] = ()
    kv: bool = False

    def narrow(self, other: Permissions) -> Permissions:
        """What both allow: never more than either."""
        return Permissions(
            network=_met(self.network, other.network),
            read=_both(self.read, other.read),
            write=_both(self.write, other.write),
            env=tuple(name for name in self.env if name in other.env),
            secrets={
                name: Slot(_met(slot.to, other.secrets[name].to), slot.reveal and other.secrets[name].reveal)
                for name, slot in self.secrets.items()
                if name in other.secrets
            },
            calls=tuple(type for type in self.calls if type in other.calls),
            kv=self.kv and other.kv,
        )

    def covers(self, wanted: Permissions) -> bool:
        """True when this allows all that ``wanted`` allows."""
        return not missing(wanted, self)

    def words(self) -> list[str]:
        """One line in plain words for each thing that it allows."""
        return [text for text, _ in _items(self)]

    def to_dict(self) -> dict[str, Any]:
        """As manifests write it, without what is nothing; ``accepted`` reads it back."""
        files = {"read": list(self.read), "write": list(self.write)}
        said: dict[str, Any] = {
            "network": [network.shown(rule) for rule in self.network],
            "filesystem": {key: paths for key, paths in files.items() if paths},
            "env": list(self.env),
            "secrets": {name: _slot_dict(slot) for name, slot in self.secrets.items()},
            "calls": list(self.calls),
            "kv": self.kv,
        }
        return {key: value for key, value in said.items() if value}


def parse(value: Mapping[str, Any] | None, where: str = "permissions") -> Permissions:
    """The permissions of a manifest, a grant or a task. Raises InvalidInput naming all faults."""
    if not value:
        return Permissions()
    if found := flaws(value):
        told = (words.path((where, *flaw.path)) + ": " + flaw.message for flaw in found)
        raise InvalidInput("; ".join(told), remedy="docs/reference/permissions.md says what can be written")
    return accepted(value)


def accepted(value: Mapping[str, Any]) -> Permissions:
    """The permissions of a mapping in which no ``flaws`` were found, now or when it was stored."""
    files = value.get("filesystem", {})
    return Permissions(
        network=_patterns(value.get("network", ())),
        read=_unique(files.get("read", ())),
        write=_unique(files.get("write", ())),
        env=_unique(value.get("env", ())),
        secrets={name: _slot(spec) for name, spec in value.get("secrets", {}).items()},
        calls=_unique(value.get("calls", ())),
        kv=value.get("kv", False),
    )


def bounded(workflow: Mapping[str, Any] | None, task: Task) -> Mapping[str, Any] | None:
    """What a workflow and its task leave of what a plugin may do, None: all of it.

    A task's own code may do what its task lists, as far as the workflow's permissions go. Raises
    InvalidInput when one of them cannot be read.
    """
    if workflow is None:
        return task.permissions
    if task.permissions is None:
        return None if task.code is not None else workflow
    return parse(workflow).narrow(parse(task.permissions)).to_dict()


def flaws(value: Any) -> list[Flaw]:
    """What is wrong with permissions as they were written; their paths begin below them."""
    if not isinstance(value, Mapping):
        return [Flaw((), f"must be a mapping, not {words.kind(value)}")]
    return rules_of(PERMISSIONS).check(value, fill=False)[1]


def missing(wanted: Permissions, granted: Permissions) -> list[str]:
    """What ``wanted`` has and ``granted`` does not cover, in plain words."""
    return [text for text, held in _items(wanted) if not held(granted)]


def path_allowed(patterns: Sequence[str], path: str) -> bool:
    """True when one of the patterns covers the path."""
    return any(_path_within(path, pattern) for pattern in patterns)


def _items(of: Permissions) -> Iterator[tuple[str, Callable[[Permissions], bool]]]:
    """Each thing that is allowed: in words, and whether other permissions allow it too."""
    for rule in of.network:
        yield f"may connect to {network.shown(rule)}", _holds_network(rule)
    for path in of.read:
        yield f"may read the files {path} of its task", _holds_path("read", path)
    for path in of.write:
        yield f"may write the files {path} of its task", _holds_path("write", path)
    for name in of.env:
        yield f"may read the environment variable {name}", _holds("env", name)
    for name, slot in of.secrets.items():
        yield from _slot_items(name, slot)
    for type in of.calls:
        yield f"may call the action {type}", _holds("calls", type)
    if of.kv:
        yield "may keep records for later executions", lambda granted: granted.kv


def _slot_items(name: str, slot: Slot) -> Iterator[tuple[str, Callable[[Permissions], bool]]]:
    if not slot.to and not slot.reveal:
        yield f"may sign with the secret {name}", lambda granted: name in granted.secrets
    for rule in slot.to:
        yield f"may send the secret {name} to {network.shown(rule)}", _holds_slot(name, rule)
    if slot.reveal:
        yield f"may see the secret {name} in plain text", _holds_text(name)


def _holds(field: str, item: str) -> Callable[[Permissions], bool]:
    return lambda granted: item in getattr(granted, field)


def _holds_network(rule: Rule) -> Callable[[Permissions], bool]:
    return lambda granted: any(network.covers(outer, rule) for outer in granted.network)


def _holds_path(field: str, path: str) -> Callable[[Permissions], bool]:
    return lambda granted: path_allowed(getattr(granted, field), path)


def _holds_slot(name: str, rule: Rule) -> Callable[[Permissions], bool]:
    return lambda granted: (
        name in granted.secrets and any(network.covers(outer, rule) for outer in granted.secrets[name].to)
    )


def _holds_text(name: str) -> Callable[[Permissions], bool]:
    return lambda granted: name in granted.secrets and granted.secrets[name].reveal


def _met(ours: Iterable[Rule], theirs: Sequence[Rule]) -> tuple[Rule, ...]:
    found = (network.meet(a, b) for a in ours for b in theirs)
    return tuple(dict.fromkeys(rule for rule in found if rule is not None))


def _both(ours: Sequence[str], theirs: Sequence[str]) -> tuple[str, ...]:
    inner = [path for path in ours if path_allowed(theirs, path)]
    return tuple(dict.fromkeys(inner + [path for path in theirs if path_allowed(ours, path)]))


def _path_within(inner: str, outer: str) -> bool:
    return inner.startswith(outer[:-1]) if outer.endswith("*") else inner == outer


def _patterns(texts: Iterable[str]) -> tuple[Rule, ...]:
    return tuple(dict.fromkeys(map(network.pattern, texts)))


def _unique(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))


def _slot(spec: Any) -> Slot:
    if isinstance(spec, Mapping):
        return Slot(_patterns(spec.get("to", ())), spec.get("reveal", False))
    return Slot(_patterns(spec))


def _slot_dict(slot: Slot) -> Any:
    to = [network.shown(rule) for rule in slot.to]
    return {"to": to, "reveal": True} if slot.reveal else to


def _network_check(field: str, value: Any, say: _Say) -> None:
    if isinstance(value, str):
        try:
            network.pattern(value)
        except ValueError as error:
            say(field, str(error))


def _file_check(field: str, value: Any, say: _Say) -> None:
    if not isinstance(value, str):
        return
    parts = value.split("/")[1:]
    if not _FILE.fullmatch(value) or "" in parts[:-1] or {".", ".."} & set(parts):
        say(field, f"{words.quoted(value)} is no absolute path; only its end may be *, like /reports/*")


def _named(pattern: re.Pattern[str], what: str) -> Callable[[str, Any, _Say], None]:
    def check(field: str, value: Any, say: _Say) -> None:
        if isinstance(value, str) and not pattern.fullmatch(value):
            say(field, f"{words.quoted(value)} is no {what}")

    return check


def _each(check: Callable[[str, Any, _Say], None]) -> dict[str, Any]:
    return {"type": "list", "maxlength": 256, "schema": {"type": "string", "check_with": check}}


_NETWORK: Final = _each(_network_check)
_FILES: Final = _each(_file_check)
_LONG: Final = {
    "to": _NETWORK,
    "reveal": {"type": "boolean"},
}


def _slot_check(field: str, value: Any, say: _Say) -> None:
    if not isinstance(value, list | dict):
        return
    spec = value if isinstance(value, dict) else {"to": value}
    for flaw in rules_of(_LONG).check(spec, fill=False)[1]:
        path = flaw.path if isinstance(value, dict) else flaw.path[1:]
        say(field, f"{words.path(path)}: {flaw.message}")


#: Cerberus rules of permissions wherever they are written.
PERMISSIONS: Final[Mapping[str, Any]] = {
    "network": _NETWORK,
    "filesystem": {"type": "dict", "schema": {"read": _FILES, "write": _FILES}},
    "env": _each(_named(_ENV, "name of an environment variable")),
    "secrets": {
        "type": "dict",
        "maxlength": 64,
        "keysrules": {"type": "string", "check_with": _named(_SLOT, "name of a secret")},
        "valuesrules": {"type": ["list", "dict"], "check_with": _slot_check},
    },
    "calls": _each(_named(_CALL, "type of an action; write one like community/slack.send")),
    "kv": {"type": "boolean"},
}
