"""Every bad value of every key."""

import pytest

from wfcore.language.schema import LATER

MINIMAL = "id: w\ntasks:\n  a: {type: core/any}\n"


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
