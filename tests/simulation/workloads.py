"""Random workflows: all shapes of graph, policy and part that the machine knows, small."""

import json
from dataclasses import dataclass

from wfcore.engine.library import Revision
from wfcore.engine.plan import plan
from wfcore.model.records import WorkflowRecord
from wfcore.model.workflow import Concurrency, Group, Retry, Task, Workflow

RETRIES = (
    Retry(),
    Retry(),
    Retry(1, "none"),
    Retry(2, "constant", delay=1.0),
    Retry(3, "exponential", delay=0.5, jitter=0.5, max_delay=20.0),
    Retry(1, "linear", delay=3.0, kinds=("timeout", "passing")),
)
TIMEOUTS = (None, None, None, None, 2.0, 15.0)


@dataclass(frozen=True)
class Reading:
    """The inputs of a task: the outputs of those it needs, read as an expression reads them."""

    references: tuple = ()
    constant: bool = False

    def evaluate(self, scope):
        tasks = scope.roots["tasks"]
        return {name: tasks[name]["output"].get() for name in self.references}


@dataclass(frozen=True)
class Fixed:
    """An expression without templates."""

    value: object
    references: tuple = ()
    constant: bool = True

    def evaluate(self, scope):
        return self.value


@dataclass(frozen=True)
class Key:
    """A key of which there are two values."""

    references: tuple = ()
    constant: bool = False

    def evaluate(self, scope):
        return scope.roots["trigger"]["k"]


def random_limit(chance, *, whole=False):
    """A limit by name or by number, with a key or without; the whole workflow has other names than tasks."""
    named = whole and "flows", not whole and "pay", not whole and "mail"
    limit = chance.choice([1, 2, *filter(None, named)])
    manners = ("wait", "wait", "skip", "fail", "cancel_oldest") if whole else ("wait",)
    manner = chance.choice(manners)
    if isinstance(limit, str) and manner == "cancel_oldest":
        manner = "wait"
    return Concurrency(limit, Key() if chance.random() < 0.3 else None, manner)


def random_group(chance, prefix, least, most):
    names = [f"{prefix}{number}" for number in range(chance.randint(least, most))]
    tasks = {}
    for position, name in enumerate(names):
        needs = tuple(chance.sample(names[:position], chance.randint(0, min(2, position))))
        drawn = chance.random()
        tasks[name] = Task(
            name,
            "sim/act",
            Reading(needs),
            needs,
            condition=Fixed(drawn < 0.05) if drawn < 0.1 else None,
            retry=chance.choice(RETRIES),
            timeout=chance.choice(TIMEOUTS),
            continue_on_error=chance.random() < 0.2,
            enabled=chance.random() > 0.07,
            concurrency=random_limit(chance) if chance.random() < 0.3 else None,
        )
    chance.shuffle(names)
    return Group({name: tasks[name] for name in names})


def random_workflow(chance, id):
    rich = chance.random() < 0.6
    return Workflow(
        "default",
        id,
        "",
        "",
        tasks=random_group(chance, "t", 1, 5),
        on_failure=random_group(chance, "f", 0, 2 if rich else 0),
        finally_=random_group(chance, "z", 0, 2 if rich else 0),
        outputs=Fixed({"done": True}) if chance.random() < 0.3 else None,
        timeout=chance.choice((None, None, None, 5.0, 40.0)),
        concurrency=random_limit(chance, whole=True) if chance.random() < 0.3 else None,
    )


class Shelf:
    """The workflows of one world, as library to Ledger and Dispatch."""

    def __init__(self, workflows):
        self._revisions = {
            w.id: Revision(WorkflowRecord("default", w.id, 1, "", ""), w, plan(w)) for w in workflows
        }
        self.ids = list(self._revisions)

    def current(self, namespace, id):
        return self._revisions[id]

    def revision(self, namespace, id, revision):
        found = self._revisions[id]
        return found.workflow, found.plan


def as_stored(value):
    """A value as the worker stores it."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
