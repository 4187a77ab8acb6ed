"""A workflow as the engine sees it: loaded, checked, immutable."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wfcore.errors import UsageError
from wfcore.model.values import Expression

#: The grammar of names: a workflow's id, a namespace and a task's (or input's) name.
ID_PATTERN = r"[A-Za-z][A-Za-z0-9_-]{0,63}"
NAMESPACE_PATTERN = r"[A-Za-z][A-Za-z0-9_-]{0,62}(\.[A-Za-z0-9][A-Za-z0-9_-]{0,62}){0,15}"
NAME_PATTERN = r"[A-Za-z_][A-Za-z0-9_-]{0,63}"
SECRET_PATTERN = r"[A-Za-z_][A-Za-z0-9_-]{0,127}"  # noqa: S105  (a pattern)
DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class Retry:
    """How often and after what pause a failed task is tried again; times in seconds.

    ``max`` counts re-tries after the first attempt. ``kinds`` (YAML ``for``) limits it to
    errors of these kinds, ``condition`` (YAML ``if``) to those for which it holds.
    """

    max: int = 0
    backoff: str = "exponential"
    delay: float = 1.0
    factor: float = 2.0
    max_delay: float = 300.0
    jitter: float = 0.0
    kinds: tuple[str, ...] = ()
    condition: Expression | None = None


@dataclass(frozen=True, slots=True)
class Concurrency:
    """How many may run at once. ``limit`` is a number, of this workflow or task alone, or the name of a limit
    that the configuration gives for the whole installation. Each value of ``key`` has it for itself.

    ``on_limit`` says what becomes of an execution that finds no permit: ``wait``, ``skip``, ``fail``, or
    ``cancel_oldest`` of the others.
    """

    limit: int | str
    key: Expression | None = None
    on_limit: str = "wait"


@dataclass(frozen=True, slots=True)
class Code:
    """Source code that a task brings: ``language`` is ``ts`` or ``js``, ``file`` its name in errors.

    ``inline`` code stands in the workflow's own text.
    """

    language: str
    source: str
    file: str
    inline: bool = True


@dataclass(frozen=True, slots=True)
class Task:
    """One node of the graph. ``needs`` holds the explicit and the inferred needs, in file order.

    ``permissions`` is what the YAML says: it bounds what plugin code may do, and is all that the task's
    own ``code`` may do. None when the task does not say. ``secrets`` are those its expressions may read;
    None: all of the workflow's. What a ``sensitive`` task returns is a secret. ``runs_on`` is the label of
    the servers that may run it, where there are several.
    """

    name: str
    type: str
    inputs: Expression
    needs: tuple[str, ...] = ()
    condition: Expression | None = None
    retry: Retry = field(default_factory=Retry)
    timeout: float | None = None
    continue_on_error: bool = False
    enabled: bool = True
    description: str = ""
    code: Code | None = None
    permissions: Mapping[str, Any] | None = None
    runs_on: str = ""
    secrets: frozenset[str] | None = None
    sensitive: bool = False
    concurrency: Concurrency | None = None
    #: The tasks whose results this one's templates read.
    references: tuple[str, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        parts = (self.inputs, self.condition, self.retry.condition)
        names = dict.fromkeys(name for part in parts if part for name in part.references)
        object.__setattr__(self, "references", tuple(names))


@dataclass(frozen=True, slots=True)
class Group:
    """A set of tasks that run by their needs; the children of one place in the tree of task paths."""

    tasks: Mapping[str, Task] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Trigger:
    """What starts a workflow: ``kind`` names the driver, ``spec`` is its part of the YAML, normalised.

    ``name`` is unique in the workflow: the key given in the list form (``name:``) or the kind.
    """

    name: str
    kind: str
    spec: Any
    condition: Expression | None = None
    inputs: Expression | None = None


@dataclass(frozen=True, slots=True)
class Input:
    """A declared input of a workflow."""

    name: str
    type: str = "string"
    required: bool = False
    default: Any = None
    description: str = ""
    enum: tuple[Any, ...] = ()
    pattern: str | None = None
    min: float | None = None
    max: float | None = None
    items: str | None = None


@dataclass(frozen=True, slots=True)
class Workflow:
    """A whole workflow of one revision. ``source`` is the text it came from, ``digest`` its sha256.

    ``plugins`` are the packages that the revision was applied with: name -> digest; ``secrets`` are those
    that its expressions may read. ``permissions`` bound what plugins and code may do in all of its tasks;
    None when it does not say.
    """

    namespace: str
    id: str
    source: str
    digest: str
    description: str = ""
    enabled: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)
    inputs: Mapping[str, Input] = field(default_factory=dict)
    vars: Expression | None = None
    triggers: tuple[Trigger, ...] = ()
    tasks: Group = field(default_factory=Group)
    on_failure: Group = field(default_factory=Group)
    finally_: Group = field(default_factory=Group)
    outputs: Expression | None = None
    timeout: float | None = None
    order: str = "dag"
    plugins: Mapping[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    permissions: Mapping[str, Any] | None = None
    concurrency: Concurrency | None = None

    @property
    def files(self) -> Mapping[str, str]:
        """The texts of the files that tasks name by ``file``."""
        groups = (self.tasks, self.on_failure, self.finally_)
        codes = (task.code for group in groups for task in group.tasks.values() if task.code is not None)
        return {code.file: code.source for code in codes if not code.inline}

    @property
    def address(self) -> str:
        """``namespace/id``, the name under which users know it."""
        return f"{self.namespace}/{self.id}"


def parse_address(text: str) -> tuple[str, str]:
    """``namespace/id`` or a bare ``id`` of the default namespace. Raises UsageError."""
    namespace, slash, id = text.rpartition("/")
    namespace = namespace if slash else DEFAULT_NAMESPACE
    if re.fullmatch(ID_PATTERN, id) and re.fullmatch(NAMESPACE_PATTERN, namespace):
        return namespace, id
    raise UsageError(f"{text!r} is not the address of a workflow", remedy="write `id` or `namespace/id`")
