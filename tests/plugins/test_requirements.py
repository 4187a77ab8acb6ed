"""The requirements' examples with official plugins, to the letter, in an application on this machine."""

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from wfcore.config import load
from wfcore.egress.guard import Guard, Response
from wfcore.errors import InvalidWorkflow
from wfcore.packages.project import build
from wfcore.service import installed
from wfcore.service.app import open_app

from .servers import SlackServer, StripeServer
from .servers.stripe import KEY
from .servers.web import Answer

PLUGINS = Path(__file__).parents[2] / "registry" / "plugins"
INGEST = """\
id: webhook_pipeline

trigger:
  webhook:
    path: /ingest
    method: POST

tasks:
  notify:
    type: community/slack.send
    inputs:
      channel: alerts
      message: "New payload received"
"""
CHARGE = """\
tasks:
  charge:
    type: payments/stripe.charge
    retry:
      max: 3
      backoff: exponential
"""


@pytest.fixture
def app(tmp_path, monkeypatch):
    """``app(plugin, hosts)``: an application with an official plugin, its hosts being servers here."""
    opened = []

    def make(plugin, hosts):
        class Led(Guard):
            """The real guard, but for where the names of the hosts lead."""

            def __init__(self, allow, **given):
                super().__init__([*allow, *(server.url for server in hosts.values())], **given)

            def request(self, method, url, **given):
                host = urlsplit(url).netloc
                answer = super().request(method, url.replace(f"https://{host}", hosts[host].url, 1), **given)
                return Response(answer.status, answer.headers, answer.body, url)

        monkeypatch.setattr(installed, "Guard", Led)
        config = load(overrides={"storage.path": str(tmp_path / "db.sqlite")}, environ={})
        opened.append(open_app(config))
        app = opened[-1].__enter__()
        made = build(PLUGINS / plugin, app.installed.runtime)
        app.packages.install(made.archive, made.manifest.permissions.to_dict())
        return app

    yield make
    for one in opened:
        one.__exit__(None, None, None)


def ended(app, id):
    """The tasks of an execution of a workflow, by path, when it has ended."""
    record, _ = app.executions.submit("default", id, {})
    execution = record.id
    app.executions.wait_end(execution, 30)
    described = app.executions.describe(execution)
    return described["state"], {task["path"]: task for task in described["tasks"]}


def test_example_2_posts_to_slack(app, monkeypatch):
    monkeypatch.setenv("WORKFLOW_SECRET__SLACK_TOKEN", "xoxb-good")
    with SlackServer() as slack:
        made = app("community-slack", {"slack.com": slack})
        made.workflows.apply(INGEST.encode(), "webhook_pipeline.yaml")
        assert ended(made, "webhook_pipeline")[0] == "SUCCESS"
        (message,) = slack.messages
        assert (message["channel"], message["text"]) == ("C0ALERTS", "New payload received")


def test_example_3_says_what_it_lacks_and_retries_once_it_has_it(app, monkeypatch):
    monkeypatch.setenv("WORKFLOW_SECRET__STRIPE_KEY", KEY)
    with StripeServer() as stripe:
        made = app("payments-stripe", {"api.stripe.com": stripe})
        with pytest.raises(InvalidWorkflow) as caught:
            made.workflows.apply(CHARGE.encode(), "charge.yaml")
        places = {(one.line, one.path) for one in caught.value.problems}
        assert (2, "tasks.charge.inputs.amount") in places, places
        inputs = "    inputs: {amount: 500, currency: eur, source: tok_visa}\n"
        made.workflows.apply((CHARGE + inputs).encode(), "charge.yaml")
        stripe.answer_next(Answer(500, {"error": {"type": "api_error", "message": "try again"}}))
        state, tasks = ended(made, "charge")
        assert (state, tasks["charge"]["attempt"]) == ("SUCCESS", 2)
        assert len(stripe.payments) == 1
