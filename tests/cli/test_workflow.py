"""``workflow workflow``: files become workflows of a server, all or none, and are run there."""

import re
import urllib.request


def fresh(served, name, text):
    return str(served.write(name, text).relative_to(served.path))


def test_apply_says_what_it_did(served):
    file = fresh(served, "apply/one.yaml", "tasks: {a: {type: core/log, inputs: {message: x}}}\n")
    planned = served.run("workflow", "apply", "apply", "--plan")
    assert (planned.code, planned.out) == (10, f"would be created  default/one  revision 1  {file}\n")
    done = served.run("workflow", "apply", "apply")
    assert (done.code, done.out) == (0, f"created  default/one  revision 1  {file}\n")
    assert served.run("workflow", "apply", file).out.startswith("unchanged  default/one  revision 1")
    assert served.run("workflow", "apply", file, "--plan").code == 0
    fresh(served, "apply/one.yaml", "tasks: {a: {type: core/log, inputs: {message: y}}}\n")
    again = served.run("workflow", "apply", file, "--json")
    assert again.json["workflows"] == [
        {
            "namespace": "default",
            "id": "one",
            "revision": 2,
            "enabled": True,
            "result": "updated",
            "file": file,
        }
    ]


def test_all_files_or_none(served):
    fresh(served, "mixed/good.yaml", "id: good\ntasks: {a: {type: core/log, inputs: {message: x}}}")
    fresh(served, "mixed/bad.yaml", "id: bad\ntasks: {a: {type: core/lgo}}")
    fresh(served, "mixed/sub/worse.yml", "id: worse\ntasks: [")
    outcome = served.run("workflow", "apply", "mixed")
    assert outcome.code == 3
    places = [line.split(": ")[0] for line in outcome.err.splitlines()]
    assert any(place.startswith("mixed/bad.yaml:2:") for place in places)
    assert any(place.startswith("mixed/sub/worse.yml:") for place in places)
    assert "hint: nothing was applied" in outcome.err
    assert served.run("workflow", "describe", "good").code == 4


def test_one_workflow_in_two_files(served):
    text = "id: twin\ntasks: {a: {type: core/log, inputs: {message: x}}}"
    fresh(served, "twins/a.yaml", text)
    fresh(served, "twins/b.yaml", text)
    outcome = served.run("workflow", "apply", "twins")
    assert outcome.code == 2
    assert "twins/a.yaml and twins/b.yaml are both workflow default/twin" in outcome.err
    assert served.run("workflow", "describe", "twin").code == 4


def test_from_standard_input(served):
    text = "id: piped\ntasks: {a: {type: core/log, inputs: {message: x}}}"
    assert served.run("workflow", "apply", "-", input=text).out.startswith("created  default/piped")
    nameless = served.run(
        "workflow", "apply", "-", input="tasks: {a: {type: core/log, inputs: {message: x}}}"
    )
    assert nameless.code == 3
    assert nameless.err.startswith("-:1:1: id: ")


def test_two_workflows_cannot_have_one_hook(served):
    hook = "trigger: {webhook: {path: /same}}\ntasks: {a: {type: core/log, inputs: {message: x}}}\n"
    fresh(served, "hooks/h1.yaml", hook)
    fresh(served, "hooks/h2.yaml", hook)
    outcome = served.run("workflow", "apply", "hooks")
    assert outcome.code == 5
    assert "already applied: default/h1" in outcome.err


def test_validate_needs_no_server(served):
    outcome = served.run("workflow", "validate", "quick.yaml", "slow.yaml", WORKFLOW_DATA_DIR="nowhere")
    assert (outcome.code, outcome.lines) == (
        0,
        ["valid  default/quick  quick.yaml", "valid  default/slow  slow.yaml"],
    )
    assert served.run("workflow", "validate", "quick.yaml", "--json").json == {
        "workflows": [{"file": "quick.yaml", "namespace": "default", "id": "quick", "valid": True}]
    }
    assert not (served.path / "nowhere").exists()
    problems = served.run("workflow", "validate", "wrong.yaml", "--json").json["error"]["problems"]
    assert {problem["file"] for problem in problems} == {"wrong.yaml"}


def test_list_and_describe(served):
    served.run("workflow", "apply", "quick.yaml", "hook.yaml")
    table = served.run("workflow", "list").lines
    assert table[0].split() == ["WORKFLOW", "REVISION", "ENABLED", "TRIGGERS", "UPDATED", "DESCRIPTION"]
    assert any(re.match(r"default/quick +1 +yes +manual .* Greets somebody", line) for line in table)
    assert served.run("workflow", "list", "--namespace", "nobody").out == "there are no workflows\n"
    shown = served.run("workflow", "describe", "quick").out
    assert "  ○  hello  core/log\n  ○  shout  core/set\n" in shown
    assert re.search(r"  name +string +world +Whom to greet", shown)
    assert served.run("workflow", "describe", "default/quick", "--json").json["inputs"][0]["name"] == "name"
    assert served.run("workflow", "describe", "nobody/quick").code == 4


def test_the_curl_line_of_a_webhook_works(served):
    served.run("workflow", "apply", "hook.yaml")
    shown = served.run("workflow", "describe", "hook").out
    url = f"{served.address}/hooks/cli"
    assert f"POST {url}" in shown
    token = re.search(r"Bearer (wh_\S+)'", shown)[1]
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, b'{"n": 7}', headers), timeout=5) as answer:
        assert answer.status == 202


def test_run_returns_waits_or_follows(served):
    served.run("workflow", "apply", "quick.yaml", "broken.yaml")
    begun = served.run("workflow", "run", "quick")
    assert begun.code == 0
    assert re.fullmatch(r"[0-9a-f-]{36}  [A-Z]+\n", begun.out)
    waited = served.run("workflow", "run", "quick", "--wait", "--json", "--input=name=Eve")
    assert (waited.code, waited.json["outputs"]) == (0, {"said": "HELLO Eve"})
    followed = served.run("workflow", "run", "quick", "--follow")
    assert followed.code == 0
    assert "hello  │ hello world" in followed.out
    assert "said  HELLO world" in followed.out
    assert served.run("workflow", "run", "broken", "--wait").code == 1
    assert served.run("workflow", "run", "broken", "--follow").code == 1
    assert served.run("workflow", "run", "quick", "--input", "nmae=x").code == 3
    assert served.run("workflow", "run", "nobody").code == 4


def test_disable_enable_delete(served):
    served.run("workflow", "apply", "quick.yaml", "broken.yaml")
    assert served.run("workflow", "disable", "quick", "broken").lines == [
        "disabled  default/quick",
        "disabled  default/broken",
    ]
    refused = served.run("workflow", "run", "quick")
    assert refused.code == 5
    assert served.run("workflow", "enable", "quick", "--json").json["workflows"][0]["enabled"] is True
    assert served.run("workflow", "run", "quick").code == 0
    assert (
        served.run("workflow", "delete", "quick", "broken").out
        == "deleted  default/quick\ndeleted  default/broken\n"
    )
    for verb in ("describe", "enable", "disable", "delete", "run"):
        assert served.run("workflow", verb, "quick").code == 4


def test_enabling_what_its_file_disables(served):
    served.run(
        "workflow",
        "apply",
        "-",
        input="id: off\nenabled: false\ntasks: {a: {type: core/log, inputs: {message: x}}}",
    )
    assert (
        served.run("workflow", "enable", "off").out
        == "disabled  default/off  (its file says `enabled: false`)\n"
    )


def test_describe_shows_who_can_reach_what(served):
    served.write(
        "reach.yaml",
        "id: reach\npermissions: {kv: true}\ntasks:\n  a: {type: core/log, inputs: {message: x}}\n"
        "  b:\n    {type: core/code, source: 'export default () => 1', permissions: {kv: true, env: [X]}}\n",
    )
    assert served.run("workflow", "apply", "reach.yaml").code == 0
    assert served.run("workflow", "describe", "reach", "--permissions").lines == [
        "a  core/log",
        "  is the server's own: bounded by egress.allow and by connections alone",
        "",
        "b  core/code",
        "  may keep records for later executions",
        "  not: may read the environment variable X (workflow)",
    ]
    assert served.run("workflow", "describe", "nothing", "--permissions").code == 4
