"""``concurrency``: every form, every bad value, and what it may not ask for."""

import pytest

from wfcore.language.schema import ON_LIMIT
from wfcore.model.values import Scope

TASK = "tasks: {{a: {{type: core/any, concurrency: {}}}}}\n"


def of(loaded, text, **options):
    return loaded(
        f"id: w\ninputs: {{env: {{}}}}\ntasks: {{a: {{type: core/any}}}}\nconcurrency: {text}\n", **options
    )


def test_a_number_or_a_name_says_all(loaded):
    assert of(loaded, "1").concurrency.limit == 1
    named = of(loaded, "payments", limits=["payments"]).concurrency
    assert (named.limit, named.key, named.on_limit) == ("payments", None, "wait")
    assert loaded("id: w\ntasks: {a: {type: core/any}}\n").concurrency is None


@pytest.mark.parametrize("word", ON_LIMIT)
def test_a_key_and_what_is_to_become_of_who_finds_no_permit(loaded, word):
    found = of(loaded, f'{{limit: 2, key: "d-{{{{ inputs.env }}}}", on_limit: {word}}}').concurrency
    assert (found.limit, found.on_limit) == (2, word)
    assert found.key.evaluate(Scope({"inputs": {"env": "prod"}})) == "d-prod"


def test_a_task_has_one_of_its_own(loaded):
    flow = loaded(
        "id: w\nconcurrency: 1\ntasks: {a: {type: core/any, concurrency: pay}, b: {type: core/any}}\n"
        "finally: {c: {type: core/any, concurrency: {limit: 3, key: x}}}\n",
        limits=["pay"],
    )
    assert flow.tasks.tasks["a"].concurrency.limit == "pay"
    assert flow.tasks.tasks["b"].concurrency is None
    assert flow.finally_.tasks["c"].concurrency.limit == 3
    assert flow.finally_.tasks["c"].concurrency.key.evaluate(Scope({})) == "x"


def test_what_an_installation_has_may_not_be_known(loaded):
    assert of(loaded, "anything").concurrency.limit == "anything"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0", "4:14: concurrency: must be at least 1"),
        ("1000001", "4:14: concurrency: must be at most 1000000"),
        ("1.5", "4:14: concurrency: must be a whole number or text or a mapping, not a number"),
        ("true", "4:14: concurrency: must be a whole number or text or a mapping, not true or false"),
        ("[a]", "4:14: concurrency: must be a whole number or text or a mapping, not a list"),
        ("", "4:13: concurrency: must not be empty"),
        ("9a", "4:14: concurrency: '9a' is not a valid name of a limit"),
        ("'{{ inputs.env }}'", "4:14: concurrency: '{{ inputs.env }}' is not a valid name of a limit"),
        ("{}", "4:1: concurrency.limit: is missing"),
        ("{key: a}", "4:1: concurrency.limit: is missing"),
        ("{limit: 0}", "4:22: concurrency.limit: must be at least 1"),
        ("{limit: [1]}", "4:22: concurrency.limit: must be a whole number or text, not a list"),
        ("{limit: 1, key: 5}", "4:30: concurrency.key: must be text, not a number"),
        ("{limit: 1, key: ''}", "4:30: concurrency.key: must not be empty"),
        (
            "{limit: 1, key: '{{ inputs.evn }}'}",
            "4:34: concurrency.key: there is no input 'evn' (did you mean",
        ),
        (
            "{limit: 1, key: '{{ tasks.a.output }}'}",
            "4:34: concurrency.key: 'tasks' is not available here; there are inputs, trigger, workflow",
        ),
        ("{limit: 1, key: '{{ secrets.A }}'}", "4:34: concurrency.key: 'secrets' is not available here"),
        (
            "{limit: 1, on_limit: queue}",
            "4:35: concurrency.on_limit: must be one of wait, skip, fail, cancel_",
        ),
        ("{limit: 1, group: a}", "4:25: concurrency.group: unknown key"),
        (
            "{limit: pay, on_limit: cancel_oldest}",
            "4:37: concurrency.on_limit: goes with a limit that is a num",
        ),
        ("pya", "4:14: concurrency: this installation has no limit 'pya' (did you mean 'pay'?)"),
        ("{limit: xxx}", "4:22: concurrency.limit: this installation has no limit 'xxx'; there are pay"),
    ],
)
def test_every_bad_value_at_the_top(problems, text, problem):
    head = "id: w\ninputs: {env: {}}\ntasks: {a: {type: core/any}}\n"
    found = problems(f"{head}concurrency: {text}\n", limits=["pay"])
    assert found[0].startswith(problem), found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("0", "2:42: tasks.a.concurrency: must be at least 1"),
        ("{limit: 1, on_limit: wait}", "2:53: tasks.a.concurrency.on_limit: unknown key"),
        ("{limit: 1, key: '{{ tasks.b }}'}", "2:62: tasks.a.concurrency.key: 'tasks' is not available here"),
        ("hold", "2:42: tasks.a.concurrency: the workflow holds 'hold' itself while its tasks run"),
        ("{limit: hold, key: x}", "2:50: tasks.a.concurrency.limit: the workflow holds 'hold' itself"),
        ("pya", "2:42: tasks.a.concurrency: this installation has no limit 'pya' (did you mean 'pay'?)"),
    ],
)
def test_every_bad_value_in_a_task(problems, text, problem):
    found = problems("concurrency: hold\n" + TASK.format(text), limits=["pay", "hold"])
    assert found[0].startswith(problem), found


def test_an_installation_without_limits_says_where_they_come_from(problems):
    found = problems(TASK.format("pay"), limits=())
    assert found == [
        "1:42: tasks.a.concurrency: this installation has no limit 'pay'; the configuration gives it, as"
        " execution.limits.NAME"
    ]
