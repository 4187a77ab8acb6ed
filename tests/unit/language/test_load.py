"""A whole file: what a workflow holds, and every bad value of every key."""

import hashlib
import re
import time
from pathlib import Path

import pytest

from wfcore.errors import InvalidWorkflow, PluginError
from wfcore.language.draft import MAX_TEMPLATES
from wfcore.language.load import load
from wfcore.language.schema import LATER
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
    assert (
        problems(examples[1]) == ["5:5: trigger.webhook: no plugin"]
        or "no plugin provides the action 'community/slack.send'" in problems(examples[1])[0]
    )


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


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("id: 5", "1:5: id: must be text, not a number; put it in quotes"),
        ("id: ''", "1:5: id: '' is not a valid id"),
        (f"id: {'x' * 65}", "1:5: id: 'xxx"),
        ("id:", "1:4: id: must not be empty; give a value or leave the key out"),
        ("namespace: a..b", "1:12: namespace: 'a..b' is not a valid namespace"),
        ("namespace: [a]", "1:12: namespace: must be text, not a list"),
        ("dsl: 2", "1:6: dsl: must be one of 1, not a number"),
        ("dsl: '1'", "1:6: dsl: must be a whole number, not text"),
        ("description: 5", "1:14: description: must be text"),
        (
            "enabled: yes",
            "1:10: enabled: must be true or false, not text; write true or false, without quotes",
        ),
        ("labels: [a]", "1:9: labels: must be a mapping, not a list"),
        ("labels: {a: 1}", "1:13: labels.a: must be text, not a number; put it in quotes"),
        ("inputs: {9a: {}}", "1:10: inputs.9a: '9a' is not a valid name"),
        ("inputs: {a: string}", "1:13: inputs.a: must be a mapping, not text"),
        ("inputs: {a: {tpye: int}}", "1:14: inputs.a.tpye: unknown key (did you mean 'type'?)"),
        ("inputs: {a: {type: secret}}", "1:20: inputs.a.type: inputs of type 'secret' are not supported"),
        ("inputs: {a: {type: file}}", "1:20: inputs.a.type: inputs of type 'file' are not supported"),
        ("inputs: {a: {required: 1}}", "1:24: inputs.a.required: must be true or false"),
        ("inputs: {a: {enum: []}}", "1:20: inputs.a.enum: must not be empty"),
        ("inputs: {a: {type: int, enum: [1, b]}}", "1:35: inputs.a.enum[1]: must be a whole number, not 'b'"),
        ("inputs: {a: {enum: [x], default: y}}", "1:34: inputs.a.default: must be one of x"),
        ("inputs: {a: {pattern: '('}}", "1:23: inputs.a.pattern: the pattern '(' is not valid"),
        (
            "inputs: {a: {pattern: x, type: int}}",
            "1:23: inputs.a.pattern: goes with the type string, not int",
        ),
        ("inputs: {a: {pattern: 'b+', default: abb}}", "1:38: inputs.a.default: must fit the pattern b+"),
        ("inputs: {a: {items: int}}", "1:21: inputs.a.items: goes with the type array, not string"),
        ("inputs: {a: {items: inn, type: array}}", "1:21: inputs.a.items: must be one of"),
        ("inputs: {a: {type: bool, min: 1}}", "1:31: inputs.a.min: does not go with the type bool"),
        ("inputs: {a: {min: 3, max: 2}}", "1:27: inputs.a.max: is less than 'min'"),
        ("inputs: {a: {type: int, min: x}}", "1:30: inputs.a.min: must be a number, not text"),
        ("inputs: {a: {type: int, max: 3, default: 4}}", "1:42: inputs.a.default: must be at most 3"),
        (
            "inputs: {a: {type: array, items: int, default: [1, x]}}",
            "1:48: inputs.a.default: [1] must be a whole",
        ),
        ("inputs:", "1:8: inputs: must not be empty"),
        ("vars: [1]", "1:7: vars: must be a mapping"),
        ("vars: {9: 1}", "1:8: vars.9: '9' is not a valid name"),
        ("vars: {a: '{{ 1 + }}'}", "1:19: vars.a: a value was expected, not '}'"),
        ("trigger: cron", "1:10: trigger: must be a mapping, not text"),
        ("trigger: {}", "1:10: trigger: must not be empty"),
        (
            "trigger: {if: 'true'}",
            "1:1: trigger: names no kind of trigger; there are broken, cron, manual, webhook",
        ),
        (
            "trigger: {corn: x}",
            "1:11: trigger.corn: no plugin provides the trigger 'corn' (did you mean 'cron'?)",
        ),
        (
            "trigger: {corn: x, fi: 1}",
            "1:11: trigger.corn: no plugin provides the trigger 'corn' (did",
        ),
        ("trigger: {cron: x, manual: {}}", "1:20: trigger.manual: a trigger has one kind; put each"),
        ("trigger: {cron: x, overlap: skip}", "1:20: trigger.overlap: is not supported in this version"),
        ("trigger: {webhook: x}", "1:20: trigger.webhook: expected a mapping"),
        ("trigger: {webhook: {path: x}}", "1:27: trigger.webhook.path: begins with '/'"),
        ("trigger: {webhook: {}}", "1:11: trigger.webhook.path: begins with '/'"),
        (
            "trigger: {broken: x}",
            "1:19: trigger.broken: the trigger's plugin failed to check this: ZeroDivision",
        ),
        ("trigger: {cron: x, if: 5}", "1:24: trigger.if: must be text or true or false, not a number"),
        ("trigger: {cron: x, if: tasks.a.output}", "1:24: trigger.if: 'tasks' is not available here"),
        ("trigger: {cron: x, inputs: 5}", "1:28: trigger.inputs: must be a mapping"),
        ("trigger: {cron: x, inputs: {b: 1}}", "1:29: trigger.inputs.b: there is no input 'b'"),
        (
            "trigger: {cron: x, inputs: {n: no}}\ninputs: {n: {type: int}}",
            "1:32: trigger.inputs.n: must be a whole",
        ),
        (
            "trigger: {cron: x}\ninputs: {n: {required: true}}",
            "1:1: trigger.inputs: the input 'n' is required",
        ),
        ("trigger: {cron: x}\ntriggers: [{cron: x}]", "1:10: trigger: does not go together with triggers"),
        ("triggers: []", "1:11: triggers: must not be empty"),
        ("triggers: {cron: x}", "1:11: triggers: must be a list"),
        ("triggers: [5]", "1:12: triggers[0]: must be a mapping"),
        (
            "triggers: [{cron: x, name: a}, {cron: y, name: a}]",
            "1:48: triggers[1].name: another trigger has the",
        ),
        ("triggers: [{cron: x, name: 'a b'}]", "1:28: triggers[0].name: 'a b' is not a valid name"),
        ("outputs: {x: '{{ tasks.b.output }}'}", "1:18: outputs.x: there is no task 'b'"),
        ("outputs: 5", "1:10: outputs: must be a mapping"),
        ("timeout: 5 parsecs", "1:10: timeout: '5 parsecs' is"),
        ("timeout: 0", "1:10: timeout: must be longer than 0 s"),
        ("timeout: '{{ 5 }}'", "1:10: timeout: '{{ 5 }}' is"),
        ("order: parallel", "1:8: order: must be one of dag, sequence, not 'parallel'"),
        ("on_failure: 5", "1:13: on_failure: must be a mapping"),
        ("finally: {a: {type: core/any}}", "1:11: finally.a: there is a task of this name in 'tasks'"),
        ("extra: 1", "1:1: extra: unknown key"),
    ],
)
def test_every_bad_value_of_a_top_level_key(problems, lines, problem):
    found = problems(lines + "\ntasks: {a: {type: core/any}}\n")
    assert found[0].startswith(problem), found


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        ("{}", "1:9: tasks.a.type: is missing"),
        ("5", "1:12: tasks.a: must be a mapping, not a number"),
        ("", "1:12: tasks.a: must not be empty"),
        ("{type: 5}", "1:19: tasks.a.type: must be text, not a number"),
        (
            "{type: core get}",
            "1:19: tasks.a.type: 'core get' is not a valid type; write one like core/http.get",
        ),
        (
            "{type: core/gut}",
            "1:19: tasks.a.type: no plugin provides the action 'core/gut' (did you mean 'core/get'?)",
        ),
        ("{type: core/get}", "1:9: tasks.a.inputs.url: is missing"),
        ("{type: core/get, inputs: {}}", "1:29: tasks.a.inputs.url: is missing"),
        ("{type: core/get, inputs: {url: ''}}", "1:43: tasks.a.inputs.url: must not be empty"),
        (
            "{type: core/get, inputs: {url: x, sise: 1}}",
            "1:46: tasks.a.inputs.sise: unknown key (did you mean 'size'?)",
        ),
        ("{type: core/get, inputs: {url: x, size: 11}}", "1:52: tasks.a.inputs.size: must be at most 10"),
        (
            "{type: core/get, inputs: {url: x, headers: {a: 1}}}",
            "1:59: tasks.a.inputs.headers.a: must be text, not",
        ),
        (
            "{type: core/get, inputs: {url: '{{ x }}', sise: '{{ 1 }}'}}",
            "1:47: tasks.a.inputs.url: unknown name 'x'",
        ),
        ("{type: core/wait}", "1:9: tasks.a.inputs.for: is missing"),
        (
            "{type: core/wait, inputs: {for: '{{ 1 }}', until: 2}}",
            "1:44: tasks.a.inputs.for: does not go together",
        ),
        ("{type: core/any, inputs: [1]}", "1:37: tasks.a.inputs: must be a mapping or text, not a list"),
        (
            "{type: core/any, inputs: text}",
            "1:37: tasks.a.inputs: must be a mapping, or a template that gives one",
        ),
        ("{type: core/any, needs: 5}", "1:36: tasks.a.needs: must be a list or text, not a number"),
        ("{type: core/any, needs: [5]}", "1:37: tasks.a.needs[0]: must be text"),
        ("{type: core/any, needs: a}", "1:36: tasks.a.needs: a task cannot need itself"),
        ("{type: core/any, needs: [b]}", "1:37: tasks.a.needs[0]: there is no task 'b'"),
        ("{type: core/any, if: }", "1:33: tasks.a.if: must not be empty"),
        ("{type: core/any, if: ''}", "1:33: tasks.a.if: must not be empty"),
        ("{type: core/any, if: 5}", "1:33: tasks.a.if: must be text or true or false"),
        ("{type: core/any, if: 1 = 1}", "1:35: tasks.a.if: the end of the expression was expected, not '='"),
        ("{type: core/any, if: error.type}", "1:33: tasks.a.if: 'error' is not available here"),
        ("{type: core/any, if: 'a{{ 1 }}'}", "1:34: tasks.a.if: a condition is one expression"),
        ("{type: core/any, retry: -1}", "1:36: tasks.a.retry: must be at least 0"),
        ("{type: core/any, retry: 1001}", "1:36: tasks.a.retry: must be at most 1000"),
        ("{type: core/any, retry: x}", "1:36: tasks.a.retry: must be a whole number or a mapping, not text"),
        ("{type: core/any, retry: true}", "1:36: tasks.a.retry: must be a whole number or a mapping"),
        ("{type: core/any, retry: {}}", "1:29: tasks.a.retry.max: is missing"),
        (
            "{type: core/any, retry: {max: 1, backoff: exp}}",
            "1:54: tasks.a.retry.backoff: must be one of none, constant",
        ),
        ("{type: core/any, retry: {max: 1, delay: x}}", "1:52: tasks.a.retry.delay: 'x' is"),
        ("{type: core/any, retry: {max: 1, max_delay: -1}}", "1:56: tasks.a.retry.max_delay: -1 is"),
        ("{type: core/any, retry: {max: 1, factor: 0}}", "1:53: tasks.a.retry.factor: must be at least 1"),
        ("{type: core/any, retry: {max: 1, jitter: 2}}", "1:53: tasks.a.retry.jitter: must be at most 1"),
        ("{type: core/any, retry: {max: 1, for: [5]}}", "1:51: tasks.a.retry.for[0]: must be text"),
        ("{type: core/any, retry: {max: 1, if: 'x.y'}}", "1:50: tasks.a.retry.if: unknown name 'x'"),
        ("{type: core/any, timeout: -5s}", "1:38: tasks.a.timeout: '-5s' is"),
        ("{type: core/any, continue_on_error: 1}", "1:48: tasks.a.continue_on_error: must be true or false"),
        ("{type: core/any, enabled: '{{ 1 }}'}", "1:38: tasks.a.enabled: must be true or false, not text"),
        ("{type: core/any, description: [x]}", "1:42: tasks.a.description: must be text"),
        ("{type: core/any, tiemout: 5}", "1:29: tasks.a.tiemout: unknown key (did you mean 'timeout'?)"),
    ],
)
def test_every_bad_value_of_a_task_key(problems, task, problem):
    found = problems(f"tasks: {{a: {task}}}\n")
    assert found[0].startswith(problem), found


@pytest.mark.parametrize("key", sorted(LATER["task"]))
def test_words_of_later_versions_are_no_typing_errors(problems, key):
    found = problems(f"tasks: {{a: {{type: core/any, {key}: 1}}}}\n")
    assert found == [f"1:29: tasks.a.{key}: is not supported in this version"]


@pytest.mark.parametrize("key", sorted(LATER["workflow"]))
def test_words_of_later_versions_at_the_top(problems, key):
    assert problems(f"{MINIMAL}{key}: {{}}\n") == [f"4:1: {key}: is not supported in this version"]


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
