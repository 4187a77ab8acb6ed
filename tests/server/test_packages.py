"""Plugin packages over HTTP: installed, used without a restart, kept for those that use them, removed."""

import base64

import pytest

PATH = "/api/v1/packages"
ITEM = f"{PATH}/community/hi"
KEPT = "{kv: true}"
USE = """\
id: use
tasks:
  a: {type: community/hi.greet, inputs: {name: Ada}}
outputs: {said: "{{ tasks.a.output }}"}
"""


def install(server, content, **more):
    return server.post(PATH, {"package": base64.b64encode(content).decode(), **more})


def run(server):
    execution = server.submit("use", wait=10)
    ended = server.get(f"/api/v1/executions/{execution['id']}").json
    return ended["outputs"]["said"] if ended["state"] == "SUCCESS" else ended["error"]["message"]


@pytest.fixture
def clean(server):
    """The server without packages."""
    yield server
    server.call("DELETE", "/api/v1/workflows/default/use")
    for one in server.get(PATH).json["packages"]:
        server.call("DELETE", f"{PATH}/{one['name']}?force=true")


def test_what_is_installed_runs_at_once_and_workflows_keep_their_version(clean, plugin):
    assert clean.post("/api/v1/workflows", USE, kind="application/yaml").status == 422
    first = install(clean, plugin()).json
    assert (first["result"], first["name"], first["version"]) == ("installed", "community/hi", "1.0.0")
    assert (first["state"], first["permissions"], first["error"]) == ("current", [], None)
    assert clean.apply(USE)["result"] == "created"
    assert run(clean) == "hello Ada"
    assert install(clean, plugin()).json["result"] == "unchanged"
    assert clean.apply(USE)["result"] == "unchanged"

    second = install(clean, plugin("1.1.0", "export const greet = ({ name }) => `welcome ${name}`")).json
    assert second["result"] == "updated"
    assert run(clean) == "hello Ada", "it keeps the version that it was applied with"
    assert {one["version"]: one["state"] for one in clean.get(PATH).json["packages"]} == {
        "1.0.0": "kept",
        "1.1.0": "current",
    }
    detail = clean.get("/api/v1/workflows/default/use").json
    assert detail["plugins"] == {"community/hi": first["digest"]}
    assert clean.apply(USE)["result"] == "updated"
    assert run(clean) == "welcome Ada"


def test_a_package_tells_what_it_is(clean, plugin):
    install(
        clean,
        plugin(permissions="{kv: true, secrets: {KEY: ['https://a.b/*']}}"),
        grant={"kv": True},
        secrets={"KEY": "k"},
    )
    clean.apply(USE)
    told = clean.get(ITEM).json
    assert told["actions"] == [
        {
            "type": "community/hi.greet",
            "description": "Greet.",
            "inputs": {"name": {"type": "string", "required": True}},
        }
    ]
    assert told["permissions"] == ["may keep records for later executions"]
    assert told["refused"] == ["may send the secret KEY to https://a.b/*"]
    assert told["secrets"] == {"KEY": "k"}
    assert told["used_by"] == ["workflow default/use"]
    assert [one["version"] for one in told["versions"]] == ["1.0.0"]


def test_permissions_have_to_be_granted(clean, plugin):
    refused = install(clean, plugin(permissions=KEPT))
    assert (refused.status, refused.code) == (403, "forbidden")
    assert "may keep records" in refused.json["error"]["message"]
    assert clean.get(PATH).json["packages"] == []
    assert install(clean, plugin(permissions=KEPT), grant={"kv": True}).status == 200


def test_an_update_that_asks_for_nothing_new_needs_no_grant(clean, plugin):
    install(clean, plugin(permissions=KEPT), grant={"kv": True})
    assert install(clean, plugin("1.1.0", permissions=KEPT)).json["permissions"] == [
        "may keep records for later executions"
    ]
    wider = install(clean, plugin("1.2.0", permissions="{kv: true, env: [HOME]}"))
    assert (wider.status, wider.json["error"]["message"].count("it may")) == (403, 1)
    assert "HOME" in wider.json["error"]["message"]


KEEPS = """
export async function greet({ name }, ctx) {
  try { await ctx.kv.set("name", name); return "kept" } catch (error) { return error.type }
}
"""


FINDS = """
export async function greet({ name }, ctx) {
  const found = await ctx.kv.get("name");
  await ctx.kv.set("name", name);
  return found ?? "nothing";
}
"""


def test_what_a_package_keeps_in_one_namespace_is_not_found_in_another(clean, plugin):
    """Else who may use it in a namespace could have it tell what it has been told in all others."""
    install(clean, plugin(source=FINDS, permissions=KEPT), grant={"kv": True})
    clean.apply(USE)
    assert [run(clean), run(clean)] == ["nothing", "Ada"]
    clean.apply(f"namespace: other\n{USE}")
    started = clean.post("/api/v1/workflows/other/use/executions?wait=10", {})
    assert clean.get(f"/api/v1/executions/{started.json['id']}").json["outputs"] == {"said": "nothing"}
    clean.call("DELETE", "/api/v1/workflows/other/use")


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        ("", "kept"),
        ("permissions: {kv: true}", "kept"),
        ("permissions: {env: [X]}", "permission"),
        ("permissions: {}", "permission"),
    ],
)
def test_a_workflow_bounds_what_its_plugins_may_do(clean, plugin, bounds, said):
    install(clean, plugin(source=KEEPS, permissions=KEPT), grant={"kv": True})
    clean.apply(f"{bounds}\n{USE}")
    assert run(clean) == said
    (one,) = clean.get("/api/v1/workflows/default/use/permissions").json["tasks"]
    assert (one["task"], one["type"], one["kind"]) == ("a", "community/hi.greet", "package")
    assert one["package"].startswith("community/hi 1.")
    words = "may keep records for later executions"
    assert (one["may"], one["refused"]) == (
        ([words], []) if said == "kept" else ([], [{"what": words, "by": "workflow"}])
    )


def test_a_grant_never_gives_more_than_the_manifest_declares(clean, plugin):
    installed = install(clean, plugin(), grant={"kv": True, "env": ["HOME"]}).json
    assert installed["permissions"] == []


def test_a_version_never_changes(clean, plugin):
    install(clean, plugin())
    other = install(clean, plugin(source="export const greet = () => 'other'"))
    assert (other.status, other.code) == (409, "conflict")


def test_it_is_not_removed_while_it_is_used(clean, plugin):
    install(clean, plugin())
    clean.apply(USE)
    refused = clean.call("DELETE", ITEM)
    assert (refused.status, refused.code) == (409, "conflict")
    assert "workflow default/use" in refused.json["error"]["message"]
    clean.post("/api/v1/workflows/default/use/disable")
    assert [one["version"] for one in clean.call("DELETE", ITEM).json["packages"]] == ["1.0.0"]
    assert clean.get(ITEM).status == 404


def test_an_open_execution_keeps_it_too(clean, plugin):
    install(clean, plugin())
    clean.apply(USE.replace("tasks:\n", "tasks:\n  w: {type: core/wait, inputs: {for: 1h}}\n"))
    execution = clean.submit("use")
    clean.post("/api/v1/workflows/default/use/disable")
    refused = clean.call("DELETE", ITEM)
    assert (refused.status, execution["id"] in refused.json["error"]["message"]) == (409, True)
    clean.post(f"/api/v1/executions/{execution['id']}/cancel", {})


def test_by_force_it_goes_and_its_tasks_fail(clean, plugin):
    install(clean, plugin())
    clean.apply(USE)
    assert clean.call("DELETE", f"{ITEM}?force=true").status == 200
    assert "no longer installed" in run(clean)


def test_one_version_can_be_removed(clean, plugin):
    install(clean, plugin())
    install(clean, plugin("1.1.0", "export const greet = () => 2"))
    assert clean.call("DELETE", f"{ITEM}?version=9.9.9").status == 404
    clean.call("DELETE", f"{ITEM}?version=1.1.0")
    (left,) = clean.get(PATH).json["packages"]
    assert (left["version"], left["state"]) == ("1.0.0", "current")


def test_a_driver_owns_its_namespace(clean, plugin):
    refused = install(clean, plugin(name="core/extra"))
    assert (refused.status, refused.code) == (409, "conflict")


def test_a_package_for_another_release_is_refused(clean, plugin):
    refused = install(clean, plugin(engine=">=99"))
    assert (refused.status, refused.code) == (422, "invalid_package")
    assert "needs workflow >=99" in refused.json["error"]["message"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "has no package"),
        ({"package": 1}, "has no package"),
        ({"package": "*"}, "has no package"),
        ({"package": "eA==", "grnat": {}}, "unknown key 'grnat'"),
        ({"package": "eA==", "grant": []}, "grant is no object"),
        ({"package": "eA==", "secrets": []}, "secrets is no object"),
        ({"package": "eA==", "secrets": {"A": 1}}, "must name a secret"),
    ],
)
def test_a_body_that_is_not_right(clean, body, message):
    answer = clean.post(PATH, body)
    assert (answer.status, answer.code) == (400, "usage")
    assert message in answer.json["error"]["message"]


def test_a_package_that_is_none(clean, plugin):
    refused = install(clean, b"no zip")
    assert (refused.status, refused.code) == (422, "invalid_package")
    broken = install(clean, plugin(name="Bad Name"))
    assert broken.json["error"]["problems"][0]["path"] == "name"


def test_a_grant_and_secrets_that_do_not_fit(clean, plugin):
    refused = install(clean, plugin(permissions=KEPT), grant={"kv": "yes"})
    assert (refused.status, refused.code) == (422, "invalid_input")
    refused = install(clean, plugin(), secrets={"KEY": "k"})
    assert (refused.status, refused.code) == (400, "usage")


def test_code_that_is_not_well_formed_is_not_installed(clean, plugin):
    refused = install(clean, plugin(source="export const greet = ("))
    assert (refused.status, refused.code) == (422, "invalid_package")
    assert clean.get(PATH).json["packages"] == []


CALLER = "export const greet = async (inputs, ctx) => `${await ctx.call('community/hi.greet', inputs)}!`"


def test_a_plugin_calls_another_in_the_version_that_the_workflow_was_applied_with(clean, plugin):
    install(clean, plugin())
    grant = {"calls": ["community/hi.greet"]}
    caller = plugin(source=CALLER, name="community/loud", permissions="{calls: [community/hi.greet]}")
    install(clean, caller, grant=grant)
    clean.apply(USE.replace("community/hi", "community/loud"))
    assert run(clean) == "hello Ada!"
    pinned = clean.get("/api/v1/workflows/default/use").json["plugins"]
    assert set(pinned) == {"community/hi", "community/loud"}
    install(clean, plugin("2.0.0", "export const greet = () => 'other'"))
    assert run(clean) == "hello Ada!"
    refused = clean.call("DELETE", f"{ITEM}?version=1.0.0")
    assert refused.status == 409, "a called one is used too"


def test_called_plugins_have_their_own_permissions(clean, plugin):
    keeper = "export const greet = async (i, ctx) => { await ctx.kv.set('k', 1); return 'kept' }"
    install(clean, plugin(source=keeper, permissions=KEPT), grant={"kv": True})
    caller = plugin(source=CALLER, name="community/loud", permissions="{calls: [community/hi.greet]}")
    install(clean, caller, grant={"calls": ["community/hi.greet"]})
    clean.apply(USE.replace("community/hi", "community/loud"))
    assert run(clean) == "kept!"


def test_a_task_narrows_what_a_plugin_may_do(clean, plugin):
    keeper = "export const greet = async (i, ctx) => { await ctx.kv.set('k', 1); return 'kept' }"
    install(clean, plugin(source=keeper, permissions=KEPT), grant={"kv": True})
    clean.apply(USE)
    assert run(clean) == "kept"
    clean.apply(USE.replace("inputs: {name: Ada}", "inputs: {name: Ada}, permissions: {env: [HOME]}"))
    assert "not permitted: it may not keep records" in run(clean)


def test_plugins_that_call_each_other_without_end_are_stopped(clean, plugin):
    source = "export const greet = (inputs, ctx) => ctx.call('community/hi.greet', inputs)"
    calls = "{calls: [community/hi.greet]}"
    install(clean, plugin(source=source, permissions=calls), grant={"calls": ["community/hi.greet"]})
    clean.apply(USE)
    assert "levels deep" in run(clean)


def test_inputs_are_checked_when_a_workflow_is_applied(clean, plugin):
    install(clean, plugin())
    refused = clean.post("/api/v1/workflows", USE.replace("name: Ada", "nmae: Ada"), kind="application/yaml")
    assert refused.status == 422
    assert {one["path"] for one in refused.json["error"]["problems"]} == {
        "tasks.a.inputs.name",
        "tasks.a.inputs.nmae",
    }


def test_output_is_checked_after_the_call(clean, plugin):
    install(clean, plugin(source="export const greet = () => 5", output="{type: string}"))
    clean.apply(USE)
    assert "the result is not what the manifest says" in run(clean)


def test_each_call_within_a_call_has_an_idempotency_key_of_its_own(clean, plugin):
    install(clean, plugin(source="export const greet = (inputs, ctx) => ctx.task.key"))
    source = """
      export const greet = async (inputs, ctx) => {
        const call = () => ctx.call("community/hi.greet", inputs);
        return [ctx.task.key, await call(), await call()];
      };
    """
    caller = plugin(source=source, name="community/loud", permissions="{calls: [community/hi.greet]}")
    install(clean, caller, grant={"calls": ["community/hi.greet"]})
    clean.apply(USE.replace("community/hi", "community/loud"))
    key, first, second = run(clean)
    assert (first, second) == (f"{key}/1", f"{key}/2")


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "message"),
    [
        ("POST", f"{PATH}/look", {}, 400, "reference is no text"),
        ("POST", f"{PATH}/look", {"reference": 1}, 400, "reference is no text"),
        ("POST", f"{PATH}/look", {"reference": ""}, 400, "names no plugin"),
        ("POST", f"{PATH}/look", {"reference": "a/b", "digest": 1}, 400, "digest is no text"),
        ("POST", f"{PATH}/look", {"reference": "a/b", "more": 1}, 400, "unknown key 'more'"),
        ("POST", f"{PATH}/look", {"reference": "a/b"}, 404, "no registry is configured"),
        ("POST", PATH, {"reference": "a/b"}, 404, "no registry is configured"),
        ("POST", PATH, {"reference": None}, 400, "reference is no text"),
        ("POST", PATH, {"reference": "pip:acme"}, 400, "is native code"),
        ("POST", PATH, {"package": "eA==", "signature": 1}, 400, "signature is no text"),
        ("GET", f"{PATH}/updates?name=a/b", None, 404, "a/b is not installed"),
        ("GET", f"{PATH}/updates?nmae=a/b", None, 400, "nmae"),
        ("GET", f"{PATH}/search?q=x", None, 400, "'q'"),
    ],
)
def test_requests_about_references_that_are_not_right(clean, method, path, body, status, message):
    answer = clean.post(path, body) if method == "POST" else clean.get(path)
    assert answer.status == status, answer.json
    assert message in answer.json["error"]["message"]


def test_references_to_files_are_not_the_servers_business(clean, tmp_path, plugin):
    """Whoever has a token may name a package, but no file of the server's machine."""
    (tmp_path / "hi.wfp").write_bytes(plugin())
    for reference in (str(tmp_path / "hi.wfp"), f"folder:{tmp_path}/hi.wfp", "./hi.wfp", "hi"):
        for path in (PATH, f"{PATH}/look"):
            answer = clean.post(path, {"reference": reference})
            assert (answer.status, answer.code) == (400, "usage"), reference
    assert clean.get(PATH).json["packages"] == []


def test_nothing_newer_and_nothing_found(clean, plugin):
    install(clean, plugin(), source="/somewhere/hi.wfp")
    assert clean.get(f"{PATH}/updates").json == {"updates": []}
    assert clean.get(f"{PATH}/search?words=hi").json == {"packages": []}


def test_a_lock_is_for_those_who_install(clean, plugin):
    """The list, which every viewer sees, does not name stored secrets or those who install."""
    given = plugin(permissions="{secrets: {KEY: ['https://a.b/*']}}")
    grant = {"secrets": {"KEY": ["https://a.b/*"]}}
    install(clean, given, grant=grant, secrets={"KEY": "stored"}, source="/somewhere/hi.wfp")
    (one,) = clean.get(f"{PATH}/lock").json["packages"]
    assert (one["secrets"], one["granted"]) == ({"KEY": "stored"}, grant)
    assert one["origin"] == {"source": "/somewhere/hi.wfp", "by": "admin"}
    (listed,) = clean.get(PATH).json["packages"]
    assert one.keys() - listed.keys() == {"secrets", "granted", "origin"}
    described = clean.get(ITEM).json
    assert described["origin"]["by"] == "admin"
