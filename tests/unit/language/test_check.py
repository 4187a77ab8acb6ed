"""The graph and what templates refer to."""

import pytest


def graph(workflow):
    return {name: task.needs for name, task in workflow.tasks.tasks.items()}


def tasks(**bodies):
    """A file with these tasks; each body is what follows ``type``."""
    return "id: w\ntasks:\n" + "".join(
        f"  {name.replace('__', '-')}: {{type: core/any{', ' if body else ''}{body}}}\n"
        for name, body in bodies.items()
    )


def test_needs_are_explicit_and_inferred_and_in_file_order(loaded):
    workflow = loaded(
        tasks(
            a="",
            b="",
            c="",
            d="needs: [c, a, c], inputs: {x: '{{ tasks.b.output ~ tasks.a.state }}'}",
            e="if: \"tasks['d'].output\"",
            f="retry: {max: 1, if: tasks.e.attempt > 1}",
            g="inputs: {deep: [{x: '{{ tasks.c.meta.status }}'}]}",
            h="inputs: '{{ tasks.a.output }}'",
        )
    )
    assert graph(workflow) == {
        "a": (),
        "b": (),
        "c": (),
        "d": ("a", "b", "c"),
        "e": ("d",),
        "f": ("e",),
        "g": ("c",),
        "h": ("a",),
    }


def test_a_hyphenated_name_in_brackets(loaded):
    workflow = loaded(tasks(a__b="", c="inputs: {x: \"{{ tasks['a-b'].output }}\"}"))
    assert graph(workflow)["c"] == ("a-b",)


def test_a_sequence_chains_every_group(loaded):
    text = tasks(a="", b="", c="needs: a") + (
        "order: sequence\n"
        "on_failure: {x: {type: core/any}, y: {type: core/any}}\n"
        "finally: {z: {type: core/any}, q: {type: core/any}}\n"
    )
    workflow = loaded(text)
    assert graph(workflow) == {"a": (), "b": ("a",), "c": ("a", "b")}
    assert workflow.on_failure.tasks["y"].needs == ("x",)
    assert workflow.finally_.tasks["q"].needs == ("z",)


def test_groups_read_what_is_over_and_need_only_their_own(loaded):
    text = tasks(a="") + (
        "on_failure:\n"
        "  x: {type: core/any, inputs: {v: '{{ tasks.a.output ?? error.message }}'}}\n"
        "  y: {type: core/any, inputs: {v: '{{ tasks.x.output }}'}}\n"
        "finally:\n"
        "  z: {type: core/any, inputs: {v: '{{ [tasks.a.state, tasks.x.state, error ?? 0] }}'}}\n"
        "  q: {type: core/any, needs: z}\n"
    )
    workflow = loaded(text)
    assert workflow.on_failure.tasks["x"].needs == ()
    assert workflow.on_failure.tasks["y"].needs == ("x",)
    assert workflow.finally_.tasks["z"].needs == ()
    assert workflow.finally_.tasks["z"].references == ("a", "x")
    assert workflow.finally_.tasks["q"].needs == ("z",)


@pytest.mark.parametrize(
    ("bodies", "expected"),
    [
        ({"a": "needs: b", "b": "needs: a"}, ["4:30: tasks.b.needs: the needs go in a circle: a → b → a"]),
        (
            {"a": "inputs: {x: '{{ tasks.b.output }}'}", "b": "needs: [a]"},
            ["4:31: tasks.b.needs[0]: the needs go in a circle: a → b → a"],
        ),
        (
            {"a": "needs: b", "b": "inputs: {x: '{{ tasks.c.output }}'}", "c": "needs: a"},
            ["5:30: tasks.c.needs: the needs go in a circle: a → b → c → a"],
        ),
        (
            {"a": "needs: b", "b": "needs: a", "c": "needs: d", "d": "needs: c"},
            [
                "4:30: tasks.b.needs: the needs go in a circle: a → b → a",
                "6:30: tasks.d.needs: the needs go in a circle: c → d → c",
            ],
        ),
        ({"a": "needs: a"}, ["3:30: tasks.a.needs: a task cannot need itself"]),
        (
            {"a": "inputs: {x: '{{ 1 + tasks.a.output }}'}"},
            ["3:43: tasks.a.inputs.x: a task cannot read its own result"],
        ),
        (
            {"a": "", "b": "inputs: {x: '{{ tasks.a.outptu }}'}"},
            [
                "4:39: tasks.b.inputs.x: a task has output, meta, state, error, attempt, not 'outptu' "
                "(did you mean 'output'?)"
            ],
        ),
        (
            {"a": "", "b": "inputs: {x: '{{ tasks.a.files.f }}'}"},
            ["4:39: tasks.b.inputs.x: 'files' is not supported in this version"],
        ),
        (
            {"load": "", "b": "inputs: {x: '{{ load.output }}'}"},
            ["4:39: tasks.b.inputs.x: unknown name 'load' (did you mean 'tasks.load'?)"],
        ),
        (
            {"b": "inputs: {x: '{{ tsks.b.output }}'}"},
            ["3:39: tasks.b.inputs.x: unknown name 'tsks' (did you mean 'tasks'?)"],
        ),
        (
            {"b": "inputs: {x: '{{ banana }}'}"},
            ["3:39: tasks.b.inputs.x: unknown name 'banana'; a text stands in quotes"],
        ),
        (
            {"a": "", "b": "inputs: {x: '{{ tasks[inputs.y].output }}'}"},
            [
                "4:44: tasks.b.inputs.x: a task is named as tasks.NAME or tasks['NAME']; "
                "the graph is known before anything runs"
            ],
        ),
        (
            {"b": "inputs: {x: '{{ tasks | keys }}'}"},
            ["3:39: tasks.b.inputs.x: 'tasks' needs the name of a task: tasks.NAME"],
        ),
        (
            {"b": "inputs: {x: '{{ inputs.y }} {{ vars.z }} {{ secrets.K }} {{ item }}'}"},
            [
                "3:39: tasks.b.inputs.x: there is no input 'y'; declare it under 'inputs'",
                "3:54: tasks.b.inputs.x: there is no variable 'z'; declare it under 'vars'",
                "3:67: tasks.b.inputs.x: the workflow has no secret 'K'; list it under 'secrets' at the top",
                "3:83: tasks.b.inputs.x: 'item' is not supported in this version",
            ],
        ),
    ],
)
def test_faults_of_the_graph(problems, bodies, expected):
    assert problems(tasks(**bodies)) == expected


def test_a_subtraction_that_was_meant_as_a_name_is_told_once(problems):
    text = tasks(a__b="", c="inputs: {x: '{{ tasks.a-b.output }}'}") + "vars: {d-e: 1}\n"
    text += "outputs: {y: '{{ vars.d-e }}', z: '{{ 5 - vars.d-e }}'}\n"
    assert problems(text) == [
        "4:39: tasks.c.inputs.x: a name with '-' goes in brackets: tasks['a-b']",
        "6:18: outputs.y: a name with '-' goes in brackets: vars['d-e']",
        "6:43: outputs.z: a name with '-' goes in brackets: vars['d-e']",
    ]


def test_a_real_subtraction_is_none(loaded):
    assert loaded(tasks(a="", c="inputs: {x: '{{ tasks.a.output.n-1 }}'}"))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ("order: sequence", "in a circle: a → b → a ('order: sequence' runs the tasks in file order)"),
        ("vars: {x: '{{ tasks.a.output }}'}", "'tasks' is not available here; there are env,"),
        ("vars: {x: '{{ vars.y }}', y: 1}", "'vars' is not available here"),
        ("vars: {x: '{{ error.type }}'}", "'error' is not available here"),
        ("outputs: {x: '{{ error.type }}'}", "'error' is not available here"),
        ("outputs: {x: '{{ tasks.n.output }}'}\nfinally: {n: {type: core/any}}", "'n' is in 'finally'"),
        ("on_failure: {n: {type: core/any, needs: a}}", "the task 'a' is in 'tasks', which is over before"),
        ("on_failure: {n: {type: core/any, needs: m}}\nfinally: {m: {type: core/any}}", "is in 'finally'"),
        ("on_failure: {n: {type: core/any, needs: q}}", "there is no task 'q'"),
        ("on_failure: {n: {type: core/any, needs: o}, o: {type: core/any, needs: n}}", "circle: n → o → n"),
        ("on_failure: {n: {type: core/any, inputs: {x: '{{ tasks.n.state }}'}}}", "cannot read its own"),
        (
            "on_failure: {n: {type: core/any, if: tasks.m.state}}\nfinally: {m: {type: core/any}}",
            "'m' is in 'finally', which runs later",
        ),
    ],
)  # fmt: skip
def test_faults_between_the_groups(problems, lines, expected):
    found = problems(tasks(a="needs: b" if "sequence" in lines else "", b="") + lines + "\n")
    assert len(found) == 1
    assert expected in found[0]


def test_a_task_cannot_read_a_later_group(problems):
    text = tasks(a="inputs: {x: '{{ tasks.z.output }}'}, needs: z") + "finally: {z: {type: core/any}}\n"
    assert problems(text) == [
        "3:39: tasks.a.inputs.x: the task 'z' is in 'finally', which runs later",
        "3:67: tasks.a.needs: the task 'z' is in 'finally', which runs later",
    ]


def test_error_is_there_where_failures_are_handled(loaded):
    text = tasks(a="retry: {max: 1, if: error.attempt < 3}")
    text += "on_failure: {x: {type: core/any, if: error.type == 'http'}}\n"
    text += "finally: {y: {type: core/any, if: (error.type ?? '') == ''}}\n"
    assert loaded(text)


def test_a_long_chain_needs_no_recursion(loaded):
    chain = {f"t{i}": f"needs: t{i - 1}" if i else "" for i in range(1200)}
    assert graph(loaded(tasks(**chain)))["t1199"] == ("t1198",)
