"""community/slack against a server that answers as Slack does."""

import pytest

from .calls import caller, delayed, refused
from .servers import Answer, SlackServer


@pytest.fixture
def slack(plugin):
    with SlackServer() as server:
        hosts = {"slack.com": server, "hooks.slack.com": server}
        yield server, caller(plugin("community-slack"), hosts, SLACK_TOKEN="xoxb-good")


def test_slack_posts_and_answers_in_a_thread(slack):
    server, call = slack
    sent = call("send", channel="alerts", message="New payload received")
    assert sent == {"channel": "C0ALERTS", "ts": server.messages[0]["ts"], "warnings": []}
    call("send", channel="C0ALERTS", blocks=[{"type": "divider"}], thread=sent["ts"], broadcast=True)
    assert server.messages[1]["reply_broadcast"] is True


@pytest.mark.parametrize(
    ("inputs", "error"),
    [
        ({"channel": "nowhere", "message": "a"}, "channel_not_found"),
        ({"channel": "private", "message": "a"}, "not_in_channel"),
        ({"channel": "old", "message": "a"}, "is_archived"),
        ({"channel": "alerts", "message": "a" * 40_001}, "msg_too_long"),
        ({"channel": "alerts", "blocks": [{}]}, "invalid_blocks"),
        ({"channel": "alerts", "message": "a", "thread": "1.0"}, "thread_not_found"),
    ],
)
def test_what_slack_refuses_is_final(slack, inputs, error):
    assert refused(slack[1], "send", **inputs) == error


@pytest.mark.parametrize(
    ("secrets", "error"),
    [
        ({"SLACK_TOKEN": "xoxb-bad"}, "invalid_auth"),
        ({"SLACK_TOKEN": "xoxb-reader"}, "missing_scope"),
        ({}, "secret"),
    ],
)
def test_a_token_of_slack_has_to_be_good(slack, secrets, error):
    assert refused(slack[1], "send", secrets=secrets, channel="alerts", message="a") == error


def test_slack_is_waited_for(slack):
    server, call = slack
    server.answer_next(server.limited(3), Answer(503, "<html>"))
    assert delayed(call, "send", channel="alerts", message="a") == ("ratelimited", 3)
    assert delayed(call, "send", channel="alerts", message="a") == ("service_unavailable", None)
    server.lose_next()
    assert delayed(call, "send", channel="alerts", message="a") == ("network", None)


def test_a_webhook_of_slack(slack):
    server, call = slack
    good = {"SLACK_WEBHOOK": "https://hooks.slack.com/services/T000/B000/XXXX"}
    assert call("webhook", secrets=good, message="hello") == {"sent": True}
    assert server.messages[0]["text"] == "hello"
    gone = {"SLACK_WEBHOOK": "https://hooks.slack.com/services/T000/B000/YYYY"}
    assert refused(call, "webhook", secrets=gone, message="a") == "no_service"
    assert refused(call, "webhook", secrets=good, message="a", thread="1.0") == "thread_not_found"
    server.archived.add("C0ALERTS")
    assert refused(call, "webhook", secrets=good, message="a") == "channel_is_archived"
    server.answer_next(Answer(500, "rollup_error"))
    assert delayed(call, "webhook", secrets=good, message="a") == ("rollup_error", None)
