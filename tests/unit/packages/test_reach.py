"""Manifest, grant, workflow and task: what is left of a package's permissions, and who takes the rest."""

from types import SimpleNamespace

import pytest

from wfcore.errors import InvalidInput, PluginError
from wfcore.model.workflow import Code, Group, Task, Workflow
from wfcore.packages.permissions import bounded, parse
from wfcore.packages.reach import reach

WIDE = {"network": ["https://*.example.com/*"], "kv": True, "env": ["A", "B"], "calls": ["x/y.z", "core/log"]}
CODE = Code("js", "", "a.js")


class Shelf:
    """``x/y`` declares WIDE; ``granted`` is what it got of that."""

    def __init__(self, granted=WIDE, calls=None):
        wanted = parse({**WIDE, **({"calls": calls} if calls is not None else {})})
        manifest = SimpleNamespace(name="x/y", version="1.0.0", permissions=wanted)
        self._package = SimpleNamespace(manifest=manifest, permissions=wanted.narrow(parse(granted)))

    def find(self, name, pins):
        if name == "x/gone":
            raise PluginError("it is gone")
        return self._package if name == "x/y" else None


def workflow(task, permissions=None):
    return Workflow("default", "flow", "", "", tasks=Group({"a": task}), permissions=permissions)


def task(type="x/y.z", permissions=None, code=None):
    return Task("a", type, None, permissions=permissions, code=code)


def found(flow, shelf=None):
    return list(reach(flow, shelf or Shelf(), lambda type: type.startswith("core/")))


@pytest.mark.parametrize(
    ("of_workflow", "of_task", "code", "left"),
    [
        (None, None, None, None),
        (None, {"kv": True}, None, {"kv": True}),
        ({"kv": True}, None, None, {"kv": True}),
        ({"kv": True, "env": ["A"]}, {"env": ["A", "B"]}, None, {"env": ["A"]}),
        ({"kv": True}, {"env": ["A"]}, None, {}),
        ({}, {"env": ["A"]}, None, {}),
        ({}, None, None, {}),
        (None, None, CODE, None),
        ({"kv": True}, None, CODE, None),
        ({"kv": True}, {"kv": True, "env": ["A"]}, CODE, {"kv": True}),
    ],
)
def test_what_workflow_and_task_leave(of_workflow, of_task, code, left):
    assert bounded(of_workflow, task(permissions=of_task, code=code)) == left


def test_what_cannot_be_read_bounds_nothing_but_fails():
    with pytest.raises(InvalidInput):
        bounded({"network": ["nonsense"]}, task(permissions={"kv": True}))


def test_every_layer_takes_away_and_is_named():
    shelf = Shelf(granted={**WIDE, "env": ["A"], "calls": []})
    flow = workflow(task(permissions={"network": ["https://api.example.com/v1/*"]}), {**WIDE, "kv": False})
    (one,) = found(flow, shelf)
    assert one.permissions.words() == ["may connect to https://api.example.com/v1/*"]
    assert dict(one.refused) == {
        "may read the environment variable B": "grant",
        "may call the action x/y.z": "grant",
        "may call the action core/log": "grant",
        "may keep records for later executions": "workflow",
        "may read the environment variable A": "task",
        "may connect to https://*.example.com/*": "task",
    }


def test_called_actions_are_there_with_who_calls_them():
    shown = [(one.type, one.via, one.kind) for one in found(workflow(task()))]
    assert shown == [("x/y.z", (), "package"), ("core/log", ("x/y.z",), "native")]


def test_actions_that_call_in_a_circle_end():
    shelf = Shelf(calls=["x/y.other", "x/y.z"], granted={"calls": ["x/y.other", "x/y.z"]})
    shown = [(one.type, one.via) for one in found(workflow(task()), shelf)]
    assert shown == [("x/y.z", ()), ("x/y.other", ("x/y.z",))]


def test_code_has_what_its_task_lists_and_the_workflow_leaves():
    code = task("core/code", {"kv": True, "env": ["A"]}, CODE)
    (one,) = found(workflow(code, {"kv": True}))
    assert (one.kind, one.permissions.words()) == ("code", ["may keep records for later executions"])
    assert one.refused == (("may read the environment variable A", "workflow"),)
    (one,) = found(workflow(task("core/code", None, CODE), {"kv": True}))
    assert one.permissions.words() == []


@pytest.mark.parametrize("type", ["x/none.a", "x/gone.a"])
def test_what_is_not_installed(type):
    (one,) = found(workflow(task(type)))
    assert (one.kind, one.permissions.words()) == ("missing", [])
