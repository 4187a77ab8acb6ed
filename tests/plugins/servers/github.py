"""GitHub's REST API: issues, dispatches and releases, with its limits."""

from __future__ import annotations

import itertools
import re
import ssl
import time
from dataclasses import dataclass, field
from typing import Any

from .web import Answer, Request, Server

VERSION = "2022-11-28"


@dataclass
class Repository:
    """A repository. ``workflows``: by file the inputs that a dispatch may have, None when it may not be."""

    id: int
    refs: set[str] = field(default_factory=lambda: {"main"})
    assignable: set[str] = field(default_factory=lambda: {"octocat"})
    workflows: dict[str, set[str] | None] = field(default_factory=dict)
    releases: list[dict[str, Any]] = field(default_factory=list)
    has_issues: bool = True
    may_write: bool = True
    issues: list[dict[str, Any]] = field(default_factory=list)
    dispatched: list[tuple[str, dict[str, Any]]] = field(default_factory=list)


class Refusal(Exception):
    """An answer that is no success."""

    def __init__(self, status: int, message: str, *errors: Any) -> None:
        super().__init__(message)
        page = "https://docs.github.com/rest"
        body: dict[str, Any] = {"message": message, "documentation_url": page, "status": str(status)}
        self.answer = Answer(status, body | ({"errors": list(errors)} if errors else {}))


class GitHubServer(Server):
    """``remaining`` requests are left of the hour's; ``public`` is how it calls itself in links."""

    def __init__(self, tls: ssl.SSLContext | None = None, public: str = "") -> None:
        super().__init__(tls)
        self.public = public or self.url
        self.token = "ghp_good"
        self.remaining = 5000
        self.reset = int(time.time()) + 3600
        self.repositories: dict[str, Repository] = {}
        self._ids = itertools.count(1_700_000_001)

    @staticmethod
    def secondary(seconds: int | None = None) -> Answer:
        """What is answered while requests come too fast; the time is not always told."""
        headers = {} if seconds is None else {"Retry-After": str(seconds)}
        message = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
        return Answer(403, {"message": message}, headers)

    @staticmethod
    def release(number: int, *, prerelease: bool = False) -> dict[str, Any]:
        """A release as the API shows it."""
        at = f"2026-01-{number % 28 + 1:02}T00:00:00Z"
        files = [
            {"name": "a.zip", "size": number, "browser_download_url": f"https://github.com/a-{number}.zip"}
        ]
        return {
            "id": number, "tag_name": f"v{number}", "name": f"Release {number}", "body": None, "draft": False,
            "html_url": f"https://github.com/octo/hello/releases/v{number}", "prerelease": prerelease,
            "published_at": at, "assets": files,
        }  # fmt: skip

    def answer(self, request: Request) -> Answer:
        try:
            self._admit(request)
            answer = self._route(request)
        except Refusal as refusal:
            answer = refusal.answer
        limits = {
            "X-RateLimit-Limit": "5000",
            "X-RateLimit-Remaining": str(max(self.remaining, 0)),
            "X-RateLimit-Reset": str(self.reset),
        }
        return Answer(answer.status, answer.body, limits | answer.headers)

    def _admit(self, request: Request) -> None:
        if not request.headers.get("user-agent"):
            message = "Please make sure your request has a User-Agent header"
            raise Refusal(403, f"Request forbidden by administrative rules. {message}")
        if request.headers.get("x-github-api-version", VERSION) != VERSION:
            raise Refusal(400, "Invalid API version")
        if request.bearer not in (None, self.token):
            raise Refusal(401, "Bad credentials")
        if self.remaining <= 0:
            raise Refusal(403, "API rate limit exceeded for user ID 1.")
        self.remaining -= 1

    def _route(self, request: Request) -> Answer:
        repository, rest = self._repository(request)
        if (request.method, rest) == ("GET", "/releases"):
            return self._releases(repository, request)
        if request.method != "POST":
            raise Refusal(404, "Not Found")
        if request.bearer is None:
            raise Refusal(401, "Requires authentication")
        if not repository.may_write:
            raise Refusal(403, "Resource not accessible by personal access token")
        said = _object(request)
        if rest == "/issues":
            return self._issue(repository, said, request.path)
        if rest == "/dispatches":
            return _event(repository, said)
        if found := re.fullmatch(r"/actions/workflows/([^/]+)/dispatches", rest):
            return _workflow(repository, found[1], said)
        raise Refusal(404, "Not Found")

    def _repository(self, request: Request) -> tuple[Repository, str]:
        if found := re.fullmatch(r"/repos/([^/]+/[^/]+)(/.*)", request.path):
            if found[1] in self.repositories:
                return self.repositories[found[1]], found[2]
        elif found := re.fullmatch(r"/repositories/(\d+)(/.*)", request.path):
            for one in self.repositories.values():
                if one.id == int(found[1]):
                    return one, found[2]
        raise Refusal(404, "Not Found")

    def _issue(self, repository: Repository, said: dict[str, Any], path: str) -> Answer:
        if not repository.has_issues:
            raise Refusal(410, "Issues are disabled for this repo")
        if not said.get("title"):
            raise Refusal(
                422, "Validation Failed", {"resource": "Issue", "code": "missing_field", "field": "title"}
            )
        for one in said.get("assignees") or ():
            if one not in repository.assignable:
                fault = {"resource": "Issue", "code": "invalid", "field": "assignees", "value": one}
                raise Refusal(422, "Validation Failed", fault)
        number = len(repository.issues) + 1
        name = path.removeprefix("/repos/").removesuffix("/issues")
        url = f"https://github.com/{name}/issues/{number}"
        made = {**said, "number": number, "id": next(self._ids), "state": "open", "html_url": url}
        repository.issues.append(made)
        return Answer(201, made)

    def _releases(self, repository: Repository, request: Request) -> Answer:
        size = min(max(int(request.query.get("per_page", 30)), 1), 100)
        page = max(int(request.query.get("page", 1)), 1)
        last = max(-(-len(repository.releases) // size), 1)
        base = f"{self.public}/repositories/{repository.id}/releases?per_page={size}&page="
        pages = {"prev": page - 1, "next": page + 1, "last": last, "first": 1}
        if page == 1:
            del pages["prev"], pages["first"]
        if page >= last:
            del pages["next"], pages["last"]
        link = ", ".join(f'<{base}{number}>; rel="{name}"' for name, number in pages.items())
        shown = repository.releases[(page - 1) * size : page * size]
        return Answer(200, shown, {"Link": link} if link else {})


def _object(request: Request) -> dict[str, Any]:
    try:
        said = request.json()
    except ValueError:
        raise Refusal(400, "Problems parsing JSON") from None
    if not isinstance(said, dict):
        raise Refusal(400, "Body should be a JSON object")
    return said


def _event(repository: Repository, said: dict[str, Any]) -> Answer:
    if not said.get("event_type"):
        raise Refusal(422, 'Invalid request.\n\n"event_type" wasn\'t supplied.')
    if len(said.get("client_payload", {})) > 10:
        raise Refusal(422, "No more than 10 properties are allowed; 11 were supplied.")
    repository.dispatched.append((said["event_type"], said.get("client_payload", {})))
    return Answer(204)


def _workflow(repository: Repository, file: str, said: dict[str, Any]) -> Answer:
    if file not in repository.workflows:
        raise Refusal(404, "Not Found")
    inputs = repository.workflows[file]
    if inputs is None:
        raise Refusal(422, "Workflow does not have 'workflow_dispatch' trigger")
    if said.get("ref") not in repository.refs:
        raise Refusal(422, f"No ref found for: {said.get('ref')}")
    if unexpected := sorted(set(said.get("inputs", {})) - inputs):
        raise Refusal(422, f"Unexpected inputs provided: {unexpected}")
    repository.dispatched.append((file, said))
    return Answer(204)
