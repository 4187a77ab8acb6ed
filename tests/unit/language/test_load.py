"""A whole file: what a workflow holds, and how problems of a whole file are told."""

import hashlib
import re
import time
from pathlib import Path

import pytest

from wfcore.errors import InvalidWorkflow, PluginError
from wfcore.language.draft import MAX_TEMPLATES
from wfcore.language.load import load
from wfcore.model.values import Scope

EMPTY = Scope({})
MINIMAL = "id: w\ntasks:\n  a: {type: core/any}\n"
PRD = Path(__file__).parents[4] / "shared" / "PRD.md"


def test_a_minimal_file_has_all_defaults(loaded):
    workflow = loaded("tasks:\n  a: {type: core/any}\n", file="dir/daily-sync.yaml")
    assert (workflow.namespace, workflow.id, workflow.address) == (
        "default",
        "daily-sync",
        "default/daily-sync",
    )
    assert (workflow.enabled, workflow.order, workflow.timeout, workflow.description) == (
        True,
        "dag",
        None,
        "",
    )
    assert [(t.name, t.kind) for t in workflow.triggers] == [("manual", "manual")]
    assert workflow.vars is None
    assert workflow.outputs is None
    assert not workflow.inputs
    assert not workflow.on_failure.tasks
    assert not workflow.finally_.tasks
    task = workflow.tasks.tasks["a"]
    assert (task.needs, task.condition, task.timeout, task.enabled) == ((), None, None, True)
    assert (task.retry.max, task.continue_on_error) == (0, False)
    assert task.inputs.constant
    assert task.inputs.evaluate(EMPTY) == {}


def test_a_full_file(loaded):
    source = """\
id: full
namespace: team.x
dsl: 1
description: All of it.
enabled: false
labels: {a: b}
inputs:
  n: {type: int, default: 3, min: 1, max: 9, description: How many.}
vars: {double: "{{ inputs.n * 2 }}"}
triggers:
  - cron: "* * * * *"
    name: often
    if: trigger.ok
    inputs: {n: "{{ trigger.n }}"}
  - cron: "0 * * * *"
  - cron: "1 * * * *"
  - webhook: {path: /x}
tasks:
  a:
    type: core/get
    description: First.
    inputs: {url: "http://{{ vars.double }}", size: 7}
    retry: {max: 2, backoff: linear, delay: 500ms, factor: 3, max_delay: PT1M, jitter: 0.5, for: timeout, if: "error.attempt < 2"}
    timeout: 1m30s
    continue_on_error: true
  b: {type: core/any, needs: a, if: "{{ inputs.n > 2 }}", enabled: false, retry: 4}
outputs: {x: "{{ tasks.a.output }}"}
on_failure:
  c: {type: core/any, inputs: {m: "{{ error.message }} {{ tasks.b.state }}"}}
finally:
  d: {type: core/any, inputs: {m: "{{ tasks.c.state }}"}}
timeout: 1h
order: sequence
"""  # noqa: E501
    workflow = loaded(source)
    assert workflow.source == source
    assert workflow.digest == hashlib.sha256(source.encode()).hexdigest()
    assert (workflow.address, workflow.labels, workflow.enabled) == ("team.x/full", {"a": "b"}, False)
    assert (workflow.timeout, workflow.order) == (3600.0, "sequence")
    declared = workflow.inputs["n"]
    assert (declared.type, declared.default, declared.min, declared.max) == ("int", 3, 1, 9)
    assert [(t.name, t.kind, t.spec) for t in workflow.triggers] == [
        ("often", "cron", "* * * * *"),
        ("cron", "cron", "0 * * * *"),
        ("cron2", "cron", "1 * * * *"),
        ("webhook", "webhook", {"method": "POST", "path": "/x"}),
    ]
    scope = Scope({"trigger": {"ok": 1, "n": 5}, "inputs": {"n": 4}, "vars": {"double": 8}})
    assert workflow.triggers[0].condition.evaluate(scope) is True
    assert workflow.triggers[0].inputs.evaluate(scope) == {"n": 5}
    assert workflow.vars.evaluate(scope) == {"double": 8}
    a, b = workflow.tasks.tasks.values()
    assert a.inputs.evaluate(scope) == {"url": "http://8", "size": 7}
    assert (a.retry.max, a.retry.backoff, a.retry.delay, a.retry.factor) == (2, "linear", 0.5, 3)
    assert (a.retry.max_delay, a.retry.jitter, a.retry.kinds) == (60.0, 0.5, ("timeout",))
    assert a.retry.condition.evaluate(Scope({"error": {"attempt": 2}})) is False
    assert (a.timeout, a.continue_on_error, a.description) == (90.0, True, "First.")
    assert (b.needs, b.enabled, b.retry.max) == (("a",), False, 4)
    assert b.condition.evaluate(scope) is True
    assert workflow.outputs.references == ("a",)
    assert workflow.on_failure.tasks["c"].needs == ()
    assert workflow.on_failure.tasks["c"].references == ("b",)
    assert workflow.finally_.tasks["d"].references == ("c",)


@pytest.mark.skipif(not PRD.exists(), reason="the requirements are not beside this checkout")
def test_the_examples_of_the_requirements(problems):
    examples = re.findall(r"```yaml\n(.*?)```", PRD.read_text(), re.DOTALL)
    kinds = {"cron": Anything(), "webhook": Anything(), "manual": Anything()}
    actions = ActionTable({
        "core/http.get": {"url": {"type": "string", "required": True}},
        "core/db.insert": {"table": {"required": True}, "data": {"required": True}},
        "community/slack.send": {},
        "payments/stripe.charge": {"amount": {"type": "integer", "required": True}},
    })  # fmt: skip
    first = load(examples[0], triggers=kinds, actions=actions)
    assert first.address == "default/daily_sync"
    assert first.tasks.tasks["save"].needs == ("fetch",)
    second = load(examples[1], triggers=kinds, actions=actions)
    assert second.triggers[0].spec == {"path": "/ingest", "method": "POST"}
    with pytest.raises(InvalidWorkflow) as caught:
        load(examples[2], triggers=kinds, actions=actions, file="charge.yaml")
    assert str(caught.value) == "charge.yaml:2:3: tasks.charge.inputs.amount: is missing"
    assert problems(examples[1]) == [
        "10:11: tasks.notify.type: no plugin provides the action 'community/slack.send'"
    ]


class Anything:
    def check(self, spec):
        return spec


class ActionTable:
    def __init__(self, table):
        self.table = table

    def rules(self, type):
        return self.table.get(type)

    def names(self):
        return self.table


def test_all_problems_at_once_in_the_order_of_the_file(problems):
    assert problems("""\
id: 9x
bogus: 1
timout: 5
order: sequnce
inputs:
  day: {type: dat}
  n: {type: int, default: abc}
tasks:
  a-b:
    type: core/gte
    foreach: [1]
    needs: [x, c]
  c:
    type: core/get
    inputs:
      url: >
        hello {{ inputs.dya }}
        and {{ tasks.a-b.output
         + 1 }}
      utl: 1
      mode: fats
    needs: a-b
    retry: {max: x, jiter: 2}
    if: "{{ inputs.n }} > 3"
  d: 5
""") == [
        "1:5: id: '9x' is not a valid id: a letter, then letters, digits, _ and -, at most 64 in all",
        "2:1: bogus: unknown key",
        "3:1: timout: unknown key (did you mean 'timeout'?)",
        "4:8: order: must be one of dag, sequence, not 'sequnce' (did you mean 'sequence'?)",
        "6:15: inputs.day.type: must be one of string, int, number, bool, date, datetime, duration, json, "
        "array, object, not 'dat' (did you mean 'date'?)",
        "7:27: inputs.n.default: must be a whole number, not 'abc'",
        "10:11: tasks.a-b.type: no plugin provides the action 'core/gte' (did you mean 'core/get'?)",
        "11:5: tasks.a-b.foreach: is not supported in this version",
        "12:13: tasks.a-b.needs[0]: there is no task 'x'",
        "17:18: tasks.c.inputs.url: there is no input 'dya' (did you mean 'day'?)",
        "18:16: tasks.c.inputs.url: a name with '-' goes in brackets: tasks['a-b']",
        "20:7: tasks.c.inputs.utl: unknown key (did you mean 'url'?)",
        "21:13: tasks.c.inputs.mode: must be one of fast, slow, not 'fats' (did you mean 'fast'?)",
        "22:12: tasks.c.needs: the needs go in a circle: a-b → c → a-b",
        "23:18: tasks.c.retry.max: must be a whole number, not text",
        "23:21: tasks.c.retry.jiter: unknown key (did you mean 'jitter'?)",
        "24:10: tasks.c.if: a condition is one expression; "
        "put '{{' and '}}' around all of it, or leave them out",
        "25:6: tasks.d: must be a mapping, not a number",
    ]


def test_a_file_name_that_gives_no_id(problems):
    found = problems("tasks: {a: {type: core/any}}\n", file="/tmp/7 flows.yaml")
    assert found == ["1:1: id: is missing, and the file's name gives none: '7 flows' is not a valid id"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[1]", "1:1: a workflow is a mapping with at least 'tasks', not a list"),
        ("text", "1:1: a workflow is a mapping"),
        ("id: w\n", "1:1: tasks: is missing"),
        ("id: w\ntasks: {}\n", "2:8: tasks: must not be empty"),
        ("id: w\ntasks:\n", "2:7: tasks: must not be empty"),
        ("id: w\ntasks: [{type: x}]\n", "2:8: tasks: must be a mapping, not a list"),
    ],
)
def test_files_that_are_no_workflow(problems, text, problem):
    assert problems(text)[0].startswith(problem)


def test_templated_inputs_are_checked_for_presence_only(loaded):
    text = (
        'tasks: {a: {type: core/get, inputs: {url: "{{ inputs.u }}", size: "{{ 99 }}"}}}\ninputs: {u: {}}\n'
    )
    assert loaded(text)
    assert loaded("tasks: {a: {type: core/get, inputs: '{{ vars.all }}'}}\nvars: {all: {}}\n")
    assert loaded("tasks: {a: {type: core/wait, inputs: {until: '{{ 1 }}'}}}\n")


def test_filters_of_plugins(loaded, problems):
    text = 'tasks: {a: {type: core/any, inputs: {x: "{{ 2 | double }}"}}}\n'
    workflow = loaded(text, functions={"double": lambda value: value * 2})
    assert workflow.tasks.tasks["a"].inputs.evaluate(EMPTY) == {"x": 4}
    assert problems(text) == ["1:49: tasks.a.inputs.x: unknown filter 'double'"]
    with pytest.raises(PluginError, match="'upper', which is built in"):
        loaded(text, functions={"upper": str})


def test_a_workflow_cannot_be_changed_through_what_it_gives(loaded):
    task = loaded("tasks: {a: {type: core/any, inputs: {x: {y: [1]}, t: '{{ 1 }}'}}}\n").tasks.tasks["a"]
    task.inputs.evaluate(EMPTY)["x"]["y"].append(2)
    assert task.inputs.evaluate(EMPTY)["x"] == {"y": [1]}
    constant = loaded("tasks: {a: {type: core/any, inputs: {x: {y: [1]}}}}\n").tasks.tasks["a"]
    constant.inputs.evaluate(EMPTY)["x"]["y"].append(2)
    assert constant.inputs.evaluate(EMPTY) == {"x": {"y": [1]}}


def test_so_many_problems_end_early(problems):
    tasks = "".join(
        f"  t{i}: {{type: core/any, needs: [x{i}], inputs: {{v: '{{{{ q }}}}'}}}}\n" for i in range(1500)
    )
    started = time.perf_counter()
    assert len(problems("id: w\ntasks:\n" + tasks)) == 100
    assert time.perf_counter() - started < 5


def test_templates_are_limited(problems):
    text = "a" * (MAX_TEMPLATES - 10) + "{{ 1 }}"
    found = problems(f"tasks: {{a: {{type: core/any, inputs: {{x: '{text}', y: '{{{{ 1 }}}}'}}}}}}\n")
    assert "the texts with templates have more than" in found[0]


def test_forty_tasks_load_at_once(loaded):
    tasks = "".join(
        f"  t{i}:\n    type: core/get\n    needs: [t{i - 1}]\n    retry: {{max: 3}}\n"
        f"    if: tasks.t{i - 1}.output.n > 3\n"
        f"    inputs: {{url: 'https://x/{{{{ tasks.t{i - 1}.output.x }}}}'}}\n"
        for i in range(1, 41)
    )
    text = "id: w\ntasks:\n  t0: {type: core/any}\n" + tasks
    loaded(text)
    best = min(timed(lambda: loaded(text)) for _ in range(5))
    assert best < 0.03


def timed(function):
    started = time.perf_counter()
    function()
    return time.perf_counter() - started


def test_thousands_of_broken_tasks_are_told_of_at_the_cost_of_few(monkeypatch, problems):
    """Cerberus sorts each error in among all others: their number must not be that of the faults."""
    from cerberus.errors import ValidationError

    compared, original = [], ValidationError.__lt__
    monkeypatch.setattr(ValidationError, "__lt__", lambda a, b: bool(compared.append(1)) or original(a, b))

    def cost(count):
        compared.clear()
        assert len(problems("tasks:\n" + "".join(f"  t{n}: {{a: 1}}\n" for n in range(count)))) == 100
        return len(compared)

    assert 0 < cost(4000) < 2 * cost(1000), "it may stay the same, and must not grow with the square"
