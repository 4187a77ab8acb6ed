"""Flaws that other workflow engines have had, tried on this one; docs/threat-model.md has their numbers."""

import threading

import pytest

from wfcore.service.routes import ROUTES

ECHO = "id: {id}\ntrigger: {{webhook: {{path: /{id}, auth: none, respond: result}}}}\n{tasks}"
SAME = """
tasks: {a: {type: core/set, inputs: {got: "{{ trigger.body }}"}}}
outputs: {got: "{{ tasks.a.output.got }}"}
"""
PASSWORDS = "/etc/passwd"


@pytest.mark.parametrize("word", ["configs", "health", "healthz", "ready", "readyz", "login", "public"])
@pytest.mark.parametrize("separator", ["/", ";", "%2f", "?", "#", "//", "/.%2f", "%00"])
def test_no_ending_of_a_path_opens_it(server, word, separator):
    """Who may call is decided by the whole path and never by a part of it."""
    for route in ROUTES:
        if not route.public:
            path = route.path.replace("{namespace}", "default").replace("{id}", word).replace("{name}", word)
            assert server.get(f"{path}{separator}{word}", token="").status in (400, 401)
            assert server.get(path, token="").status == 401


@pytest.mark.parametrize("name", ["health", "ready", "configs", "validate", "enable"])
def test_no_name_of_a_workflow_opens_it(server, name):
    server.apply(f"id: {name}\ntasks:\n  a: {{type: core/log, inputs: {{message: x}}}}\n")
    path = f"/api/v1/workflows/default/{name}"
    assert server.get(path, token="").status == 401
    assert server.call("POST", f"{path}/executions", token="").status == 401
    assert server.call("DELETE", path).status == 204


@pytest.mark.parametrize(
    "id",
    ["../../../../etc/passwd", "..%2F..%2F..%2F..%2Fetc%2Fpasswd", "..%252F..%252Fetc%252Fpasswd",
     "%2Fetc%2Fpasswd", "....//....//etc/passwd", "..\\..\\etc\\passwd", "%c0%ae%c0%ae/etc/passwd"],
)  # fmt: skip
def test_no_id_leads_to_a_file(server, id):
    for part in ("", "/logs", "/facts", "/events", "/content?part=outputs", "/content?part=../outputs"):
        answer = server.get(f"/api/v1/executions/{id}{part}")
        assert answer.status in (400, 404)
        assert b"root:" not in answer.body
    answer = server.get(f"/api/v1/workflows/default/{id}")
    assert answer.status in (400, 404)


@pytest.mark.parametrize(
    "body",
    [
        {"files": {"upload": {"filepath": PASSWORDS, "originalFilename": "x", "mimetype": "text/plain"}}},
        {"$file": PASSWORDS},
        {"$bytes": "eA=="},
        {"$large": {"bytes": 1, "href": PASSWORDS}},
        {"$blob": "0" * 64},
        {"$ref": f"file://{PASSWORDS}"},
        "{{ env.HOME }}",
        {"{{ 7 * 7 }}": "{{ 7 * 7 }}"},
    ],
)
def test_what_is_sent_is_data_and_names_no_file(server, body):
    """Whatever shape it has, and by whatever marks a value is kept inside."""
    import json

    server.apply(ECHO.format(id="echo", tasks=SAME))
    answer = server.post("/hooks/echo", json.dumps(body), token="")
    assert (answer.status, answer.json) == (200, {"got": body})


QUOTES = [
    "'",
    "' or '1'='1",
    "x' union select 1 --",
    "x'; drop table execution; --",
    '" or 1=1',
    "%",
    "_",
    "\\",
]


@pytest.mark.parametrize("text", QUOTES)
def test_no_query_becomes_a_statement(server, text):
    from urllib.parse import quote

    server.apply(server.quick)
    server.submit("quick", wait=5)
    value = quote(text)
    for query in (f"namespace={value}", f"workflow={value}"):
        answer = server.get(f"/api/v1/executions?{query}")
        assert (answer.status, answer.json["executions"]) == (200, [])
    assert server.get(f"/api/v1/executions?before={value}").status == 400
    assert server.get(f"/api/v1/workflows?namespace={value}").json["workflows"] == []
    assert server.get(f"/api/v1/audit?actor={value}").json["entries"] == []
    assert server.get(f"/api/v1/audit?action={value}").json["entries"] == []
    assert server.get("/api/v1/executions").json["executions"], "nothing was dropped"


def test_fifty_submissions_with_one_key_are_one_execution(server):
    server.apply(server.quick)
    path, answers = "/api/v1/workflows/default/quick/executions", []

    def submit():
        answers.append(server.post(path, {}, Idempotency_Key="once-and-never-again"))

    threads = [threading.Thread(target=submit) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 50
    assert {answer.status for answer in answers} == {200, 201}
    assert [answer.status for answer in answers].count(201) == 1
    assert len({answer.json["id"] for answer in answers}) == 1
