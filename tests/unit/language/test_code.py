"""Tasks that bring their code: where it stands, what it gets, and what is wrong with it."""

import pytest

from wfcore.errors import InvalidWorkflow, SourceFault
from wfcore.language.code import is_file
from wfcore.language.load import load
from wfcore.model.values import Scope


class Rules:
    def rules(self, type):
        return {"data": {"required": True}} if type == "core/code" else {}

    def names(self):
        return ()


def workflow(text, files=None, sources=None):
    return load(text, file="w.yaml", triggers={}, actions=Rules(), files=files, sources=sources)


def problems(text, **options):
    with pytest.raises(InvalidWorkflow) as refused:
        workflow(text, **options)
    return [str(problem) for problem in refused.value.problems]


def only(text, **options):
    (task,) = workflow(f"tasks:\n  a: {{type: core/code, {text}}}\n", **options).tasks.tasks.values()
    return task


def test_code_stands_in_the_task_or_in_a_file():
    task = only("source: 'export default 1'")
    assert (task.code.language, task.code.source, task.code.inline) == ("ts", "export default 1", True)
    assert only("language: js, source: x").code.language == "js"
    task = only("file: code/a.js", files={"code/a.js": "export default 2", "other.ts": ""})
    assert (task.code.language, task.code.source, task.code.file) == ("js", "export default 2", "code/a.js")


def test_only_the_files_that_are_named_belong_to_the_workflow():
    text = "tasks:\n  a: {type: core/code, file: a.ts}\n"
    first = workflow(text, files={"a.ts": "1", "b.ts": "2"})
    assert first.files == {"a.ts": "1"}
    assert workflow(text, files={"a.ts": "1"}).digest == first.digest
    assert workflow(text, files={"a.ts": "2"}).digest != first.digest


@pytest.mark.parametrize(
    ("rest", "tasks", "trigger", "data"),
    [
        ("inputs: {x: '{{ tasks.b.output }}'}", {"b": {"output": 7}}, {}, {"x": 7}),
        ("inputs: '{{ tasks.b.output }}'", {"b": {"output": [1]}}, {}, [1]),
        ("inputs: {}", {}, {"body": [1]}, {}),
        ("needs: b", {"b": {"output": [2]}}, {}, [2]),
        ("needs: [c-d, b]", {"b": {"output": 1}, "c-d": {"output": 2}}, {}, {"b": 1, "c-d": 2}),
        ("description: x", {}, {"body": [3]}, [3]),
        ("description: x", {}, {"due_at": "t"}, {"due_at": "t"}),
    ],
)
def test_what_the_code_computes_from(rest, tasks, trigger, data):
    text = f"tasks:\n  b: {{type: x/y}}\n  c-d: {{type: x/y}}\n  a: {{type: core/code, source: s, {rest}}}\n"
    task = workflow(text).tasks.tasks["a"]
    assert task.inputs.evaluate(Scope({"tasks": tasks, "trigger": trigger})) == {"data": data}
    assert set(task.needs) == set(tasks) == set(task.references)


@pytest.mark.parametrize(
    ("task", "problem"),
    [
        ("{type: core/code}", "w.yaml:2:3: tasks.a: core/code needs 'source' or 'file'"),
        ("{type: core/code, source: x, file: a.ts}", "does not go together with 'source'"),
        ("{type: core/code, source: ''}", "must not be empty"),
        ("{type: core/code, language: py, source: x}", "tasks.a.language:"),
        ("{type: core/code, file: a.py}", "ends neither in .ts nor in .js"),
        ("{type: core/code, file: a.ts}", "there is no readable file 'a.ts' beside the workflow"),
        ("{type: core/code, file: ../a.ts}", "must lie beside the workflow or below"),
        ("{type: core/code, file: /etc/passwd}", "must lie beside the workflow or below"),
        ("{type: core/http.get, source: x}", "goes with the type core/code alone"),
        (
            "{type: core/code, source: x, permissions: {networks: []}}",
            "unknown key (did you mean 'network'?)",
        ),
        ("{type: core/code, source: x, permissions: {network: any}}", "must be a list"),
        ("{type: core/code, source: x, permissions: {secrets: {A: {reveal: 1}}}}", "permissions.secrets"),
    ],
)
def test_what_is_wrong(task, problem):
    assert any(problem in told for told in problems(f"tasks:\n  a: {task}\n"))


@pytest.mark.parametrize(
    ("permissions", "problem"),
    [
        ("[]", "1:14: permissions: must be a mapping"),
        ("{networks: []}", "permissions.networks: unknown key (did you mean 'network'?)"),
        ("{kv: 1}", "permissions.kv: must be true or false"),
        ("{calls: any}", "permissions.calls: must be a list"),
    ],
)
def test_what_is_wrong_with_those_of_the_whole_workflow(permissions, problem):
    told = problems(f"permissions: {permissions}\ntasks:\n  a: {{type: core/code, source: x}}\n")
    assert any(problem in one for one in told), told


def test_a_fault_of_the_code_is_told_at_its_line():
    def refuse(code):
        raise SourceFault("unexpected token", 2, 3)

    text = "tasks:\n  a:\n    type: core/code\n    source: |\n      let x\n      y z\n"
    assert problems(text, sources=refuse) == ["w.yaml:6:9: tasks.a.source: unexpected token"]
    text = "tasks:\n  a: {type: core/code, file: a.ts}\n"
    assert problems(text, files={"a.ts": "x"}, sources=refuse) == [
        "w.yaml:2:30: tasks.a.file: a.ts:2:3: unexpected token"
    ]


@pytest.mark.parametrize("name", ["a.ts", "code/a.ts", "a/b-c/d_e.js", "..a.ts"])
def test_files_beside_the_workflow(name):
    assert is_file(name)


@pytest.mark.parametrize(
    "name", ["", "/a.ts", "../a.ts", "a/../b.ts", "a//b.ts", "./a.ts", "a\nb", "a b", "~/a.ts"]
)
def test_files_elsewhere(name):
    assert not is_file(name)
