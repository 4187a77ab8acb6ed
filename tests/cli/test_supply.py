"""Packages by reference on the command line: without a server, and by way of one."""

import json
import os
import pty
import resource

import pytest

from tests.registries import Index, package_signature
from tests.registry.conftest import Process
from wfcore.config import load
from wfcore.engine.clock import SystemClock
from wfcore.packages import minisign
from wfcore.service.offline import stored_packages

KEPT = "{kv: true}"


def configure(project, *indexes, **more):
    config = {
        "server": {"port": 0, "stopGrace": "2s"},
        "egress": {"allow": [index["url"] for index in indexes]},
        "registries": {"http": {"indexes": list(indexes)}},
        **more,
    }
    project.write("workflow.config.yaml", json.dumps(config))


@pytest.fixture
def index():
    with Index(now=SystemClock().now()) as made:
        yield made


@pytest.fixture(params=["here", "server"])
def shop(request, project, index):
    """A project with a registry; its packages are kept here, or by a running server."""
    configure(project, index.config)
    if request.param == "here":
        yield project
        return
    assert project.run("server", "start", "--detach").code == 0
    yield project
    assert project.run("server", "stop").code == 0


def test_find_install_update_lock_and_install_again(shop, index, plugin):
    index.add(plugin(), plugin("1.0.1"), changelog="Says more.")
    found = shop.run("plugin", "search", "hello", "--json").json["packages"]
    assert found == [
        {"name": "community/hi", "version": "1.0.1", "description": "Says hello.", "registry": "main"}
    ]
    done = shop.run("plugin", "install", "community/hi@1.0.0", "--json").json
    assert (done["result"], done["version"]) == ("installed", "1.0.0")
    assert done["origin"]["source"] == "http:main/community/hi@1.0.0"
    assert done["origin"]["by"]
    check = shop.run("plugin", "update", "--check")
    assert (check.code, "1.0.1" in check.out) == (10, True)
    assert shop.run("plugin", "update", "community/hi", "--check").code == 10
    updated = shop.run("plugin", "update", "--all")
    assert updated.lines[:2] == ["community/hi 1.0.0 -> 1.0.1", "  1.0.1: Says more."]
    again = shop.run("plugin", "update", "--all")
    assert (again.code, again.out) == (0, "everything is up to date\n")
    assert shop.run("plugin", "update", "--check", "--json").json == {"updates": []}
    assert shop.run("plugin", "lock", "--output", "my.lock").out == "my.lock  2 versions\n"
    assert shop.run("plugin", "remove", "community/hi").code == 0
    locked = shop.run("plugin", "install", "my.lock", "--locked")
    assert locked.lines == ["installed  community/hi 1.0.0", "updated  community/hi 1.0.1"]
    one, former = shop.run("plugin", "list", "--json").json["packages"]
    assert (one["version"], one["state"], one["digest"]) == ("1.0.1", "current", updated_digest(shop))
    assert (former["version"], former["state"]) == ("1.0.0", "kept")


def updated_digest(shop):
    return shop.run("plugin", "verify", "community/hi", "--json").json["digest"]


def test_an_update_with_a_new_permission(shop, index, plugin):
    index.add(plugin())
    assert shop.run("plugin", "install", "community/hi").code == 0
    index.add(plugin("1.1.0", permissions=KEPT))
    refused = shop.run("plugin", "update", "community/hi")
    assert (refused.code, "it may keep records" in refused.err) == (8, True)
    done = shop.run("plugin", "update", "community/hi", "--grant", "--json").json["updated"]
    assert done[0]["added"] == ["may keep records for later executions"]
    index.add(plugin("1.2.0"))
    fewer = shop.run("plugin", "update", "--all")
    assert "  - it may keep records for later executions" in fewer.lines


def test_what_is_not_there(shop, index, plugin):
    index.add(plugin())
    for reference, message in (
        ("community/none", "there is no package community/none in main"),
        ("community/hi@^2", "there is no version of community/hi for community/hi@^2; there are 1.0.0"),
        ("http:other/community/hi", "there is no registry other"),
    ):
        outcome = shop.run("plugin", "install", reference)
        assert (outcome.code, message in outcome.err) == (4, True), outcome.err
    wrong = shop.run("plugin", "install", "community/hi@new")
    assert (wrong.code, "write a version or a range" in wrong.err) == (2, True)
    unknown = shop.run("plugin", "install", "oci:acme/hi")
    assert (unknown.code, "there is no registry 'oci'" in unknown.err) == (7, True)
    assert shop.run("plugin", "update", "community/none").code == 4


def test_native_code_is_only_told_of(shop):
    told = shop.run("plugin", "install", "pip:acme-workflow@1.2")
    assert (told.code, told.lines[1].endswith("-m pip install acme-workflow==1.2")) == (0, True)
    assert shop.run("plugin", "install", "pip:acme;rm", "--json").code == 2
    assert shop.run("plugin", "list", "--json").json["packages"] == []


def test_a_version_that_was_taken_back(shop, index, plugin):
    index.add(plugin(), plugin("1.0.1"))
    index.change("community/hi", "1.0.1", yanked="It hangs.")
    assert shop.run("plugin", "install", "community/hi", "--json").json["version"] == "1.0.0"
    assert shop.run("plugin", "update", "--check").code == 0
    named = shop.run("plugin", "install", "community/hi@1.0.1")
    assert "warning: community/hi 1.0.1 was taken back: It hangs." in named.out


def test_a_registry_that_does_not_answer(project, index, plugin):
    index.add(plugin())
    configure(project, index.config)
    assert project.run("plugin", "install", "community/hi").code == 0
    index.shutdown()
    index.server_close()
    for words in (("plugin", "install", "community/hi"), ("plugin", "update", "--all"), ("plugin", "search")):
        outcome = project.run(*words)
        assert (outcome.code, index.url in outcome.err) == (6, True), outcome.err


def test_a_later_registry_that_does_not_answer_is_not_asked(project, index, plugin):
    index.add(plugin())
    with Index("other", now=SystemClock().now()) as other:
        configure(project, index.config, other.config)
    assert project.run("plugin", "install", "community/hi").code == 0
    assert project.run("plugin", "install", "community/none").code == 6, "nobody knows whether it has that"


def test_on_a_terminal_it_asks_about_a_reference(project, index, plugin):
    index.add(plugin(permissions=KEPT))
    configure(project, index.config)
    ours, theirs = pty.openpty()
    process = project.begin("plugin", "install", "community/hi", stdin=theirs, stdout=theirs)
    os.close(theirs)
    seen = b""
    while b"[y/N]" not in seen:
        seen += os.read(ours, 1024)
    assert b"it may keep records" in seen
    os.write(ours, b"y\n")
    assert process.wait(30) == 0
    os.close(ours)
    assert project.run("plugin", "list", "--json").json["packages"][0]["state"] == "current"


def test_publish_verify_and_yank(project, tmp_path, plugin):
    registry = Process(tmp_path / "registry")
    with registry.serving():
        configure(project, {"name": "main", "url": registry.address, "keys": [registry.public]})
        token = registry.token("ada", "--scope", "community")
        (project.path / "hi.wfp").write_bytes(plugin())
        made = project.run("plugin", "keygen", "ada.key", "--json").json
        assert (project.path / "ada.key").stat().st_mode & 0o777 == 0o600
        words = ("plugin", "publish", "hi.wfp", "--key", "ada.key")
        done = project.run(*words, "--json", WORKFLOW_REGISTRY_TOKEN=token)
        assert done.json["result"] == "published", done
        again = project.run(*words[:3], "--token-file", "-", input=token)
        assert "it is not signed" in again.out
        verified = project.run("plugin", "verify", "community/hi", "--json").json
        assert (verified["key"], verified["warnings"][0][-9:]) == (None, "not have it"[-9:])
        refused = project.run("plugin", "verify", "community/hi", "--key", made["public"])
        assert (refused.code, made["id"] in refused.err) == (7, True)
        yanked = project.run(
            "plugin", "yank", "community/hi@1.0.0", "--reason", "It hangs.", WORKFLOW_REGISTRY_TOKEN=token
        )
        assert yanked.out == "yanked  community/hi 1.0.0\n"
        assert project.run("plugin", "install", "community/hi").code == 4
        undone = project.run("plugin", "yank", "community/hi@1.0.0", "--undo", WORKFLOW_REGISTRY_TOKEN=token)
        assert undone.out == "offered  community/hi 1.0.0\n"
        assert project.run("plugin", "install", "community/hi").code == 0
        wrong = project.run(*words, WORKFLOW_REGISTRY_TOKEN="wfr_wrong")
        assert (wrong.code, "no valid publisher's token" in wrong.err) == (8, True)
        nobody = project.run(
            "plugin", "yank", "community/none@1.0.0", "--undo", WORKFLOW_REGISTRY_TOKEN=token
        )
        assert nobody.code == 4


def test_a_file_and_its_signature_are_verified(project, plugin):
    key, other = minisign.generate(), minisign.generate()
    (project.path / "hi.wfp").write_bytes(plugin())
    plain = project.run("plugin", "verify", "hi.wfp")
    assert (plain.code, "not signed by a trusted key" in plain.out) == (0, True)
    (project.path / "hi.wfp.minisig").write_text(package_signature(key, plugin()))
    (project.path / "ada.pub").write_text(minisign.public_text(key.public()))
    good = project.run("plugin", "verify", "hi.wfp", "--key", "ada.pub")
    assert (good.code, f"signed by {key.id}" in good.out) == (0, True)
    bad = project.run("plugin", "verify", "hi.wfp", "--key", str(other.public()))
    assert (bad.code, key.id in bad.err) == (7, True)
    none = project.run("plugin", "verify", "hi.wfp", "--key", "nonsense")
    assert (none.code, "is no public key of minisign" in none.err) == (3, True)


def test_publishing_where_nobody_takes_packages(project, plugin):
    (project.path / "hi.wfp").write_bytes(plugin())
    configure(project)
    words = ("plugin", "publish", "hi.wfp")
    none = project.run(*words, WORKFLOW_REGISTRY_TOKEN="x")
    assert (none.code, "no registry is configured" in none.err) == (4, True)
    configure(project, plugins={"registries": ["npm"]})
    none = project.run(*words, WORKFLOW_REGISTRY_TOKEN="x")
    assert (none.code, "none of the registries takes packages: npm" in none.err) == (7, True)


def test_a_list_of_a_hundred_packages_is_quick(project, plugin, monkeypatch):
    """A quarter of a second of work, with a server and without; the bound has room for more."""
    configure(project)
    place = {"storage.path": str(project.path / "data" / "db.sqlite")}
    with stored_packages(load(environ={}, overrides=place)) as packages:
        for number in range(100):
            packages.install(plugin(name=f"acme/p{number}"), {})
    monkeypatch.setenv("WORKFLOW_TEST_FRESH", "1")  # what a command costs its user
    alone = seconds_of_a_list(project)
    assert project.run("server", "start", "--detach").code == 0
    try:
        asked = seconds_of_a_list(project)
    finally:
        assert project.run("server", "stop").code == 0
    print(f"seconds of work: {alone:.3f} alone, {asked:.3f} asking a server")
    assert min(alone, asked) > 0, "it was measured"
    assert max(alone, asked) <= 1.0


def seconds_of_a_list(project):
    """What the quickest of five lists works."""
    took = []
    for _ in range(5):
        before = work_of_children()
        assert len(project.run("plugin", "list", "--json").json["packages"]) == 100
        took.append(work_of_children() - before)
    return min(took)


def work_of_children():
    """The seconds that ended children have worked."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
