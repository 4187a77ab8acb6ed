"""Tasks that bring code, on a running server: what they are given, what they may do, and how they fail."""

import textwrap

import pytest

#: To the letter as the requirements have it.
ENRICH = """\
tasks:
  enrich:
    type: core/code
    language: ts
    source: |
      export default (data) => {
        return data.map(x => ({ ...x, ts: Date.now() }));
      }
"""


def run(server, tasks, outputs="", top="", **body):
    source = f"id: code\n{top}tasks:\n{textwrap.indent(textwrap.dedent(tasks), '  ')}\n{outputs}"
    server.apply(source)
    execution = server.submit("code", wait=10, **body)
    return server.get(f"/api/v1/executions/{execution['id']}").json


def output(server, source, **keys):
    """What one task of the code gives."""
    more = "".join(f"  {key}: {value}\n" for key, value in keys.items())
    task = f"a:\n  type: core/code\n{more}  source: |\n{textwrap.indent(textwrap.dedent(source), '    ')}"
    ended = run(server, task)
    task = ended["tasks"][0]
    return task["output"] if ended["state"] == "SUCCESS" else task["error"]


def test_the_example_of_the_requirements_enriches_what_is_posted(server):
    server.apply(f"id: enrich\ntrigger: {{webhook: {{path: /enrich, respond: result}}}}\n{ENRICH}"
                 "outputs: {items: '{{ tasks.enrich.output }}'}\n")  # fmt: skip
    answer = server.call("POST", "/hooks/enrich", '[{"a": 1}, {"b": 2}]')
    assert answer.status == 200, answer.body
    first, second = answer.json["items"]
    assert (first["a"], second["b"]) == (1, 2)
    assert first["ts"] == second["ts"] > 1_700_000_000_000


def test_code_gets_the_output_of_the_task_it_needs_or_of_all_by_name(server):
    ended = run(
        server,
        """
        one: {type: core/set, inputs: {n: 1}}
        two: {type: core/set, inputs: {n: 2}}
        single: {type: core/code, needs: one, source: "export default (data) => data.n"}
        both: {type: core/code, needs: [one, two], source: "export default (d) => d.one.n + d.two.n"}
        given: {type: core/code, needs: one, inputs: {n: 7}, source: "export default (data) => data.n"}
        """,
    )
    assert {task["path"]: task["output"] for task in ended["tasks"][2:]} == {
        "single": 1,
        "both": 3,
        "given": 7,
    }


@pytest.mark.parametrize("end", ["apply", "validate"])
def test_a_syntax_error_is_a_problem_at_its_line(server, end):
    path = "/api/v1/workflows" + ("/validate" if end == "validate" else "")
    refused = server.post(path, ENRICH.replace("x => (", "x =>> ("), kind="application/yaml")
    (problem,) = refused.json["error"]["problems"]
    assert (refused.status, problem["line"], problem["path"]) == (422, 7, "tasks.enrich.source")
    assert 20 < problem["column"] < 40


def test_another_attempt_computes_the_same(server):
    ended = run(
        server,
        """
        a:
          type: core/code
          retry: {max: 1, delay: 1ms}
          source: |
            export default (d, ctx) => {
              const seen = [Date.now(), Math.random()];
              if (ctx.task.attempt === 1) throw new RetryableError(JSON.stringify(seen));
              return seen;
            };
        """,
    )
    (task,) = ended["tasks"]
    facts = server.get(f"/api/v1/executions/{ended['id']}/facts").json["facts"]
    failed = next(fact for fact in facts if fact["kind"] == "task.retrying" or "error" in fact["body"])
    assert str(task["output"][1]) in str(failed["body"])


def test_code_has_no_permissions_but_those_of_its_task(server):
    source = "export default async (d, ctx) => { await ctx.kv.set('k', 1); return ctx.kv.get('k'); };"
    denied = output(server, source)
    assert (denied["type"], denied["message"].startswith("not permitted: it may not keep records")) == (
        "permission",
        True,
    )
    assert output(server, source, permissions="{kv: true}") == 1


def test_code_calls_actions_that_it_may(server):
    source = "export default (d, ctx) => ctx.call('core/set', { n: [1, 'a'] });"
    assert output(server, source, permissions="{calls: [core/set]}") == {"n": [1, "a"]}
    assert output(server, source)["type"] == "permission"
    waits = "export default (d, ctx) => ctx.call('core/wait', { for: '1h' });"
    assert output(server, waits, permissions="{calls: [core/wait]}")["type"] == "waits"
    wrong = "export default (d, ctx) => ctx.call('core/log', {});"
    assert output(server, wrong, permissions="{calls: [core/log]}")["type"] == "invalid_input"


def test_an_error_says_where_and_its_lines_are_in_the_log(server):
    ended = run(
        server,
        """
        a:
          type: core/code
          source: |
            interface X { n: number }
            const half = (x: X): number => { throw new TypeError("no halves"); };
            export default () => half({ n: 1 });
        """,
    )
    (task,) = ended["tasks"]
    assert task["error"]["message"].startswith("TypeError: no halves (a.source:2:")
    logs = server.get(f"/api/v1/executions/{ended['id']}/logs").json["logs"]
    assert any("half a.source:2:" in line["message"] for line in logs)


@pytest.mark.parametrize(
    ("source", "type"),
    [
        ("export default () => { for (;;); };", "timeout"),
        ("export default () => { const a = []; for (;;) a.push(new Array(1e5).fill(1)); };", "memory"),
        ("const f = () => f() + 1; export default f;", "stack"),
        ("export default () => new Promise(() => {});", "never_settled"),
        ("export default () => 10n;", "output"),
    ],
)
def test_code_that_goes_too_far_costs_its_task_alone(server, source, type):
    keys = {"timeout": "1s"} if type == "timeout" else {}
    assert output(server, source, **keys)["type"] == type
    assert output(server, "export default () => 'well'") == "well"


def test_permissions_that_are_none_are_problems_of_the_workflow(server):
    source = """
id: code
tasks:
  a:
    type: core/code
    source: "export default () => 1"
    permissions:
      network: [everything, "https://fine.example.com"]
      filesystem: {read: [relative]}
      calls: [log]
"""
    refused = server.post("/api/v1/workflows", source, kind="application/yaml")
    found = {(one["line"], one["path"]) for one in refused.json["error"]["problems"]}
    assert found == {
        (8, "tasks.a.permissions.network[0]"),
        (9, "tasks.a.permissions.filesystem.read[0]"),
        (10, "tasks.a.permissions.calls[0]"),
    }
