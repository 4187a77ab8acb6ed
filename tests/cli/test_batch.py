"""``workflow workflow run --each``: an execution for each line, and never two for one."""

import json
import re
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from wfcore.cli import batch
from wfcore.service.body import MAX_DEPTH

RUN = ("workflow", "run", "quick", "--each")


@pytest.fixture(autouse=True)
def applied(served):
    served.run("workflow", "apply", "quick.yaml", "broken.yaml", "slow.yaml")


def lines(served, text):
    return str(served.write("rows.jsonl", text).relative_to(served.path))


def begun(served, workflow="quick"):
    found = served.run("execution", "list", "--workflow", workflow, "--limit", "1000", "--json")
    return len(found.json["executions"])


def test_one_for_each_line(served):
    rows = lines(served, "".join(f'{{"name": "n{number}"}}\n' for number in range(1100)))
    outcome = served.run(*RUN, rows)
    assert (outcome.code, outcome.out) == (0, "1100 executions have begun\n")
    few = '\ufeff{"name": "Ada"}\n\n  {}  \r\n{"name": "Eve"}'
    waited = served.run(*RUN, "-", "--input=name=all", "--wait", "--json", input=few)
    assert waited.code == 0
    ended = waited.json["executions"]
    assert {one["state"] for one in ended} == {"SUCCESS"}
    assert all(one["seconds"] and one["ended_at"] and not one["error"] for one in ended)
    assert [one["line"] for one in ended] == [1, 3, 4]
    said = [served.run("execution", "inspect", one["id"], "--json").json["outputs"]["said"] for one in ended]
    assert said == ["HELLO Ada", "HELLO all", "HELLO Eve"], "a line's own inputs come first"


def test_each_line_once(served):
    assert served.run(*RUN, lines(served, "{}\n" * 3), "--key", "o'clock").out == "3 executions have begun\n"
    again = served.run(*RUN, lines(served, "{}\n" * 4), "--key", "o'clock")
    assert (again.out, again.err) == ("1 execution has begun, 3 had begun before\n", "")
    run = ("workflow", "run", "quick", "--key", "o'clock", "--json")
    assert served.run(*run).json["id"] == served.run(*run).json["id"]


def test_without_a_key_there_is_a_new_one_each_time(served):
    first, second = (served.run(*RUN, lines(served, "{}")) for _ in range(2))
    assert first.out == second.out == "1 execution has begun\n"
    again = served.run(*RUN, lines(served, "{}"), re.search(r"--key=\S+", first.err)[0])
    assert again.out == "0 executions have begun, 1 had begun before\n"


def test_lines_that_fail(served):
    outcome = served.run("workflow", "run", "broken", "--each", "-", "--wait", input="{}\n" + "\n{}" * 25)
    assert outcome.code == 1
    assert outcome.lines[0] == "26 FAILED"
    table = outcome.lines[2:-1]
    assert [row.split()[0] for row in table] == ["LINE", "1", *(str(number) for number in range(3, 22))]
    assert all("on purpose" in row for row in table[1:])
    assert outcome.lines[-1] == "and 6 more: --json has all of them"


def test_a_wrong_line_is_named_with_what_has_begun(served):
    early = served.run(*RUN, "-", input='{}\n\n{"nmae": 1}\n')
    assert early.code == 3
    assert "standard input:3: there is no input 'nmae'" in early.err
    assert "shows the inputs; nothing has begun" in early.err, "after what the server advises"
    late = served.run(*RUN, lines(served, "{}\n" * 700 + '{"nmae": 1}\n'), "--key", "late or not")
    assert late.code == 3
    assert "rows.jsonl:701: there is no input 'nmae'" in late.err
    assert (
        "500 of 701 have begun, the same command with --key='late or not' begins only what has not"
        in late.err
    )
    again = served.run(*RUN, lines(served, "{}\n" * 701), "--key", "late or not")
    assert again.out == "201 executions have begun, 500 had begun before\n"


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "is not JSON"),
        ("[]", "is not a JSON object"),
        ('{"name": NaN}', "has NaN, which is no JSON number"),
        ('{"name": 1e999}', "has a number that is too large"),
        ('{"name": ' + "1" * 5000 + "}", "has a number of 5000 digits"),
        ('{"name": "a", "name": "b"}', "has the key 'name' 2 times"),
        ('{"name": "\\ud800"}', "has half of a surrogate pair"),
        ('{"name": ' + "[" * 63 + "]" * 63 + "}", f"is nested more than {MAX_DEPTH - 1} levels deep"),
    ],
)
def test_all_lines_are_read_before_any_begins(served, line, fault):
    before = begun(served, "broken")
    rows = lines(served, "{}\n" * 600 + line)
    outcome = served.run("workflow", "run", "broken", "--each", rows)
    assert outcome.code == 3
    assert f"rows.jsonl:601 {fault}" in outcome.err
    assert begun(served, "broken") == before


def test_text_that_is_not_utf_8(served):
    (served.path / "rows.jsonl").write_bytes('{"name": "é"}'.encode("utf-16"))
    outcome = served.run(*RUN, "rows.jsonl")
    assert outcome.code == 3
    assert "rows.jsonl:1 is not UTF-8 at byte 0" in outcome.err


def test_as_deep_as_one_alone_may_be(served):
    served.write("deep.yaml", "id: deep\ninputs: {any: {type: json}}\ntasks:\n  a: {type: core/set}\n")
    assert served.run("workflow", "apply", "deep.yaml").code == 0
    deepest = '{"any": ' + "[" * 62 + "]" * 62 + "}"
    served.write("deep.json", deepest)
    assert served.run("workflow", "run", "deep", "--inputs", "deep.json").code == 0
    assert served.run("workflow", "run", "deep", "--each", "-", input=deepest).code == 0
    served.write("deep.json", deepest.replace("[]", "[[]]"))
    assert served.run("workflow", "run", "deep", "--inputs", "deep.json").code == 2


def test_who_leaves_early_knows_the_key(served):
    rows = lines(served, "{}\n" * 20_000)
    process = served.begin(*RUN, rows)
    told = process.stderr.readline()
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    assert process.wait(10) == 130
    process.stdout.close(), process.stderr.close()
    again = served.run(*RUN, rows, re.search(r"--key=\S+", told)[0])
    new, before = map(int, re.findall(r"\d+", again.out))
    assert new + before == 20_000
    assert before


def test_nobody_there(project):
    project.write("rows.jsonl", "{}\n{}")
    outcome = project.run(*RUN, "rows.jsonl", "--server", "http://127.0.0.1:1", "--key", "k")
    assert outcome.code == 6
    assert "perhaps some have begun, the same command with --key=k begins only what has not" in outcome.err


@pytest.mark.parametrize("key", [" k", "k ", " "])
def test_keys_that_http_would_change(served, key):
    outcome = served.run(*RUN, lines(served, "{}"), "--key", key)
    assert outcome.code == 2
    assert "--key is not valid" in outcome.err


@pytest.mark.parametrize(
    ("status", "answer", "says"),
    [
        (201, {"executions": []}, "is not one of a workflow server"),
        (201, {"executions": None}, "is not one of a workflow server"),
        (201, [], "is not one of a workflow server"),
        (400, {"error": {"code": "usage", "message": "executions[9]: no"}}, "workflow: executions[9]: no"),
        (500, {"error": {"code": "bug", "message": "a bug"}}, "perhaps some have begun"),
    ],
)
def test_something_else_that_answers(project, status, answer, says):
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            self.rfile.read(int(self.headers["Content-Length"]))
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as other:
        threading.Thread(target=other.handle_request).start()
        project.write("rows.jsonl", "{}")
        outcome = project.run(*RUN, "rows.jsonl", "--server", f"http://127.0.0.1:{other.server_port}")
    assert outcome.code in (2, 6, 70)
    assert says in outcome.err
    assert "Traceback" not in outcome.err


def test_a_server_that_stops_while_one_waits(project):
    assert project.run("server", "start", "--detach").code == 0
    project.run("workflow", "apply", "slow.yaml")
    project.write("rows.jsonl", "{}\n{}")
    waiting = project.begin("workflow", "run", "slow", "--each", "rows.jsonl", "--wait", "--key", "w")
    deadline = time.monotonic() + 20
    while begun(project, "slow") < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    project.run("server", "stop")
    _, err = waiting.communicate(timeout=60)
    assert waiting.returncode == 6
    assert "2 of 2 have begun, the same command with --key=w begins only what has not" in err


def test_a_server_that_takes_little_at_a_time(project):
    project.write("workflow.config.yaml", "server: {port: 0, maxBody: 64KiB}\n")
    assert project.run("server", "start", "--detach").code == 0
    project.run("workflow", "apply", "quick.yaml")
    line = json.dumps({"name": "x" * 1000}) + "\n"
    project.write("rows.jsonl", line * 300)
    assert project.run(*RUN, "rows.jsonl").out == "300 executions have begun\n"
    project.write("rows.jsonl", line * 3 + json.dumps({"name": "x" * 70_000}))
    outcome = project.run(*RUN, "rows.jsonl", "--key", "k")
    assert outcome.code == 2
    assert "rows.jsonl:4: " in outcome.err
    assert "3 of 4 have begun, the same command with --key=k begins only what has not" in outcome.err
    project.run("server", "stop")


def test_portions_are_what_most_servers_and_proxies_take():
    small = [batch.Row(number, {}) for number in range(1100)]
    assert [len(portion) for portion in batch._portions(small, "k")] == [500, 500, 100]
    large = [batch.Row(number, {"text": "x" * 200_000}) for number in range(5)]
    assert [len(portion) for portion in batch._portions(large, "k")] == [2, 2, 1]
    huge = [batch.Row(number, {"text": "x" * 2**20}) for number in range(2)]
    assert [len(portion) for portion in batch._portions(huge, "k")] == [1, 1]
