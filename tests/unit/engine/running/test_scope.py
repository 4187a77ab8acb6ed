"""What the expressions of a task see of the execution and the workflow that it belongs to."""

from wfcore.model.times import rfc3339

SEEN = """
id: seen
labels: {team: blue}
tasks:
  a:
    type: core/set
    inputs:
      execution: "{{ execution }}"
      workflow: "{{ workflow }}"
      created: "{{ execution.created_at }}"
      team: "{{ workflow.labels.team }}"
outputs: {all: "{{ tasks.a.output }}"}
"""


def test_what_expressions_see_of_their_execution_and_workflow(opened):
    opened.apply(SEEN.replace("blue", "red"), SEEN)
    id = opened.submit("seen", labels={"of": "execution"})
    assert opened.end(id) == "SUCCESS"
    record = opened.app.storage.execution(id)
    created = rfc3339(record.created_at)
    assert opened.app.executions.outputs(id)["all"] == {
        "execution": {"id": id, "created_at": created, "trigger": "manual", "generation": 0},
        "workflow": {"id": "seen", "namespace": "default", "revision": 2, "labels": {"team": "blue"}},
        "created": created,
        "team": "blue",
    }


def test_a_row_names_the_type_of_its_task(opened):
    opened.apply(SEEN)
    id = opened.submit("seen")
    assert opened.end(id) == "SUCCESS"
    types = {task.path: task.type for task in opened.app.storage.tasks(id)}
    assert types == {"a": "core/set", "@outputs": ""}
