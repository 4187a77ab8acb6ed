"""``secrets:`` of a workflow and of its tasks: what they may read is known before anything runs."""

import pytest

HEAD = "secrets: [A, B-C]\n"


def flow(task, head=HEAD):
    return f"{head}tasks:\n  t: {{type: core/any, {task}}}\n"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (flow("inputs: {x: '{{ secrets.NO }}'}"), ["the workflow has no secret 'NO'"]),
        (flow("inputs: {x: '{{ secrets.A }}'}", ""), ["no secret 'A'; list it under 'secrets'"]),
        (flow("inputs: {x: '{{ secrets.a }}'}"), ["the workflow has no secret 'a' (did you mean 'A'?)"]),
        (flow("secrets: [A], inputs: {x: \"{{ secrets['B-C'] }}\"}"), ["not among the task's own 'secrets'"]),
        (flow("secrets: [], inputs: {x: '{{ secrets.A }}'}"), ["not among the task's own 'secrets'"]),
        (flow("secrets: [D]"), ["tasks.t.secrets[0]: the workflow has no secret 'D'"]),
        (flow("inputs: {x: '{{ secrets }}'}"), ["a secret is named as secrets.NAME"]),
        (flow("inputs: {x: '{{ secrets[inputs.a] }}'}"), ["a secret is named as secrets.NAME"]),
        (flow("inputs: {x: '{{ secrets | keys }}'}"), ["a secret is named as secrets.NAME"]),
        (flow("inputs: {x: '{{ secrets[0] }}'}"), ["a secret is named as secrets.NAME"]),
        (flow("sensitive: yes"), ["tasks.t.sensitive: must be true or false"]),
        (flow("secrets: A"), ["tasks.t.secrets: must be a list"]),
        (flow("secrets: [1]"), ["tasks.t.secrets[0]: must be text"]),
        (flow("secrets: ['a b']"), ["'a b' is not a valid name of a secret"]),
        (flow("", "secrets: {A: x}\n"), ["secrets: must be a list"]),
        (flow("", "secrets: ['../x']\n"), ["'../x' is not a valid name of a secret"]),
        (flow("", f"secrets: ['{'x' * 129}']\n"), ["is not a valid name of a secret"]),
        (flow("", HEAD + "vars: {v: '{{ secrets.A }}'}\n"), ["'secrets' is not available here"]),
        (flow("", HEAD + "trigger: {cron: x, if: secrets.A != null}\n"), ["'secrets' is not available here"]),
    ],
)  # fmt: skip
def test_faults(problems, source, expected):
    found = problems(source)
    assert len(found) == len(expected), found
    for line, told in zip(found, expected, strict=True):
        assert told in line


@pytest.mark.parametrize(
    ("slots", "own", "expected"),
    [
        ("A: []", "", None),
        ("A: []", "secrets: [A]", None),
        ("NO: []", "", "t.permissions.secrets.NO: the workflow has no secret 'NO'"),
        ("A: []", "secrets: []", "the secret 'A' is not among the task's own 'secrets'"),
    ],
)  # fmt: skip
def test_the_slots_of_code_are_listed_too(problems, slots, own, expected):
    task = f"{{type: core/code, source: x, permissions: {{secrets: {{{slots}}}}}, {own}}}"
    found = [line for line in problems(f"{HEAD}tasks:\n  t: {task}\n") if "no plugin provides" not in line]
    assert len(found) == (expected is not None), found
    assert expected is None or expected in found[0]


@pytest.mark.parametrize(
    "task",
    [
        "inputs: {x: '{{ secrets.A }}', y: \"{{ secrets['B-C'] }}\"}",
        "if: secrets.A != null",
        "secrets: [A], inputs: {x: '{{ secrets.A }}'}",
        "secrets: []",
    ],
)
def test_what_is_listed_may_be_read(loaded, task):
    assert loaded(flow(task)).secrets == {"A", "B-C"}


def test_what_the_workflow_and_its_tasks_have(loaded):
    tasks = "tasks:\n  a: {type: core/any, secrets: [A], sensitive: true}\n  b: {type: core/any}\n"
    workflow = loaded(HEAD + tasks)
    assert workflow.secrets == {"A", "B-C"}
    a, b = workflow.tasks.tasks.values()
    assert (a.secrets, a.sensitive) == (frozenset({"A"}), True)
    assert (b.secrets, b.sensitive) == (None, False)
