"""community/github against a server that answers as GitHub does."""

import pytest

from .calls import caller, delayed, refused
from .servers import Answer, GitHubServer, Repository


@pytest.fixture
def github(plugin):
    with GitHubServer(public="https://api.github.com") as server:
        server.repositories["octo/hello"] = Repository(
            1, workflows={"deploy.yml": {"stage"}, "old.yml": None}
        )
        hosts = {"api.github.com": server}
        yield server, caller(plugin("community-github"), hosts, GITHUB_TOKEN="ghp_good")


def test_github_opens_an_issue(github):
    server, call = github
    made = call("issue", repo="octo/hello", title="It is down", labels=["bug"], assignees=["octocat"])
    assert made["url"] == "https://github.com/octo/hello/issues/1"
    assert (made["number"], made["state"]) == (1, "open")
    assert server.repositories["octo/hello"].issues[0]["labels"] == ["bug"]


def test_github_starts_workflows_and_sends_events(github):
    server, call = github
    assert call("dispatch", repo="octo/hello", workflow="deploy.yml", inputs={"stage": "x"}) == {"sent": True}
    assert call("dispatch", repo="octo/hello", event="ready", payload={"day": 1}) == {"sent": True}
    started, event = server.repositories["octo/hello"].dispatched
    assert started == ("deploy.yml", {"ref": "main", "inputs": {"stage": "x"}})
    assert event == ("ready", {"day": 1})


@pytest.mark.parametrize(
    ("action", "inputs", "error"),
    [
        ("issue", {"repo": "octo/none", "title": "a"}, "not_found"),
        ("issue", {"repo": "octo/hello", "title": "a", "assignees": ["nobody"]}, "validation_failed"),
        ("dispatch", {"repo": "octo/hello", "workflow": "none.yml"}, "not_found"),
        ("dispatch", {"repo": "octo/hello", "workflow": "old.yml"}, "validation_failed"),
        ("dispatch", {"repo": "octo/hello", "workflow": "deploy.yml", "ref": "v9"}, "validation_failed"),
        (
            "dispatch",
            {"repo": "octo/hello", "workflow": "deploy.yml", "inputs": {"a": 1}},
            "validation_failed",
        ),
    ],
)
def test_what_github_refuses_is_final(github, action, inputs, error):
    assert refused(github[1], action, **inputs) == error


def test_github_without_issues_rights_or_a_good_token(github):
    server, call = github
    server.repositories["octo/hello"].has_issues = False
    assert refused(call, "issue", repo="octo/hello", title="a") == "gone"
    server.repositories["octo/hello"].may_write = False
    assert refused(call, "issue", repo="octo/hello", title="a") == "forbidden"
    bad = {"GITHUB_TOKEN": "ghp_bad"}
    assert refused(call, "issue", secrets=bad, repo="octo/hello", title="a") == "unauthorized"


@pytest.mark.parametrize(
    ("there", "limit", "requests", "complete"),
    [
        (0, 5, 1, True),
        (5, 5, 1, True),
        (6, 5, 1, False),
        (250, 1000, 3, True),
        (250, 200, 2, False),
        (250, 150, 2, False),
    ],
)
def test_github_lists_releases_up_to_the_limit(github, there, limit, requests, complete):
    server, call = github
    server.repositories["octo/hello"].releases = [server.release(n) for n in range(there, 0, -1)]
    listed = call("releases", repo="octo/hello", limit=limit)
    assert [one["id"] for one in listed["releases"]] == list(range(there, 0, -1))[:limit]
    assert (len(server.requests), listed["complete"]) == (requests, complete)


def test_github_leaves_prereleases_out(github):
    server, call = github
    server.repositories["octo/hello"].releases = [
        server.release(n, prerelease=n % 2 == 0) for n in range(6, 0, -1)
    ]
    listed = call("releases", repo="octo/hello", limit=2, prereleases=False)
    assert [one["id"] for one in listed["releases"]] == [5, 3]
    assert not listed["complete"]


def test_github_is_waited_for(github):
    server, call = github
    server.answer_next(server.secondary(42), server.secondary(), Answer(502, "<html>"))
    assert delayed(call, "releases", repo="octo/hello") == ("secondary_rate_limit", 42)
    assert delayed(call, "releases", repo="octo/hello") == ("secondary_rate_limit", 60)
    assert delayed(call, "releases", repo="octo/hello") == ("service", None)
    server.remaining = 0
    kind, seconds = delayed(call, "releases", repo="octo/hello")
    assert kind == "rate_limit"
    assert 3500 < seconds <= 3600
