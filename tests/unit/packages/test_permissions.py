"""Permissions are compared and narrowed by what they cover; nobody gets more than both sides allow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wfcore.egress.url import parse as url
from wfcore.errors import InvalidInput
from wfcore.packages import network
from wfcore.packages.permissions import Permissions, missing, parse, path_allowed

FULL = {
    "network": ["https://slack.com/api/*", "http://127.0.0.1:8080/*"],
    "filesystem": {"read": ["/in/*"], "write": ["/out/report.csv"]},
    "env": ["HOME"],
    "secrets": {"TOKEN": ["https://slack.com/api/*"], "KEY": {"to": ["https://a.example/*"], "reveal": True}},
    "calls": ["community/slack.send"],
    "kv": True,
}

hosts = st.sampled_from(
    ["*", "*.example.com", "*.a.example.com", "a.example.com", "b.a.example.com", "[::1]"]
)
ports = st.sampled_from(["", ":*", ":80", ":443", ":80-443", ":8000-9000"])
paths = st.sampled_from(["", "/*", "/v1/*", "/v1*", "/v1/x", "/v2"])
patterns = st.builds("{}://{}{}{}".format, st.sampled_from(["http", "https"]), hosts, ports, paths)
urls = st.builds(
    "{}://{}{}{}".format,
    st.sampled_from(["http", "https"]),
    st.sampled_from(["a.example.com", "b.a.example.com", "example.com", "other.org", "[::1]"]),
    st.sampled_from(["", ":80", ":443", ":8080"]),
    st.sampled_from(["/", "/v1", "/v1/x", "/v1/x/y", "/v2"]),
).map(url)


def test_nothing_is_allowed_by_default():
    assert parse(None) == parse({}) == Permissions()
    assert Permissions().words() == []
    assert Permissions().covers(Permissions())


def test_what_is_written_comes_back():
    assert parse(parse(FULL).to_dict()) == parse(FULL)
    assert parse(FULL).to_dict()["secrets"]["KEY"] == {"to": ["https://a.example/*"], "reveal": True}


def test_it_is_told_in_plain_words():
    assert parse(FULL).words() == [
        "may connect to https://slack.com/api/*",
        "may connect to http://127.0.0.1:8080/*",
        "may read the files /in/* of its task",
        "may write the files /out/report.csv of its task",
        "may read the environment variable HOME",
        "may send the secret TOKEN to https://slack.com/api/*",
        "may send the secret KEY to https://a.example/*",
        "may see the secret KEY in plain text",
        "may call the action community/slack.send",
        "may keep records for later executions",
    ]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"network": ["https://slack.com/*"]}, "may connect to https://slack.com/*"),
        ({"network": ["http://slack.com/api/*"]}, "may connect to http://slack.com/api/*"),
        ({"network": ["https://slack.com:*/api/*"]}, "may connect to https://slack.com:*/api/*"),
        ({"network": ["https://*.slack.com/api/*"]}, "may connect to https://*.slack.com/api/*"),
        ({"filesystem": {"read": ["/*"]}}, "may read the files /* of its task"),
        ({"filesystem": {"write": ["/out/*"]}}, "may write the files /out/* of its task"),
        ({"env": ["PATH"]}, "may read the environment variable PATH"),
        (
            {"secrets": {"TOKEN": ["https://evil.example"]}},
            "may send the secret TOKEN to https://evil.example/*",
        ),
        ({"secrets": {"TOKEN": {"to": [], "reveal": True}}}, "may see the secret TOKEN in plain text"),
        ({"secrets": {"OTHER": []}}, "may sign with the secret OTHER"),
        ({"calls": ["community/slack.delete"]}, "may call the action community/slack.delete"),
    ],
)
def test_each_widening_is_missing_in_the_grant(change, told):
    assert missing(parse(change), parse(FULL)) == [told]
    assert not parse(FULL).covers(parse(change))


def test_records_are_a_permission():
    assert missing(parse({"kv": True}), parse({})) == ["may keep records for later executions"]


def test_the_narrower_of_two_stays():
    task = {
        "network": ["https://slack.com/api/chat.postMessage", "https://evil.example"],
        "filesystem": {"read": ["/*"], "write": ["/out/*"]},
        "env": ["HOME", "PATH"],
        "secrets": {"TOKEN": ["https://*"], "OTHER": ["https://*"]},
        "calls": ["community/slack.send", "core/http.get"],
    }
    assert parse(FULL).narrow(parse(task)).to_dict() == {
        "network": ["https://slack.com/api/chat.postMessage"],
        "filesystem": {"read": ["/in/*"], "write": ["/out/report.csv"]},
        "env": ["HOME"],
        "secrets": {"TOKEN": ["https://slack.com/api/*"]},
        "calls": ["community/slack.send"],
    }


@given(patterns, patterns, urls)
def test_what_two_patterns_have_in_common_is_what_both_cover(one, other, target):
    a, b = network.pattern(one), network.pattern(other)
    common = network.meet(a, b)
    assert (common is not None and common.covers(target)) == (a.covers(target) and b.covers(target))
    assert common == network.meet(b, a)
    assert common is None or (network.covers(a, common) and network.covers(b, common))


@given(patterns, patterns, urls)
def test_who_covers_a_pattern_covers_its_urls(one, other, target):
    outer, inner = network.pattern(one), network.pattern(other)
    assert network.covers(outer, outer)
    if network.covers(outer, inner) and inner.covers(target):
        assert outer.covers(target)


@given(patterns)
def test_a_pattern_is_shown_as_it_can_be_read(text):
    rule = network.pattern(text)
    assert network.pattern(network.shown(rule)) == rule


@pytest.mark.parametrize(
    ("pattern", "path", "allowed"),
    [("/*", "/a/b", True), ("/in/*", "/in/a", True), ("/in/*", "/in", False), ("/in/a", "/in/ab", False)],
)
def test_files_by_prefix_or_by_name(pattern, path, allowed):
    assert path_allowed([pattern], path) is allowed


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"network": ["slack.com"]}, "permissions.network[0]: 'slack.com' is no pattern that begins with"),
        ({"network": ["*"]}, "'*' is no pattern that begins with https:// or http://"),
        ({"network": ["*://slack.com"]}, "is no pattern that begins with"),
        ({"network": ["ftp://slack.com"]}, "is no pattern that begins with"),
        ({"network": ["https://a at 10.0.0.0/8"]}, "is no pattern that begins with"),
        ({"network": ["https://169.254.169.254"]}, "can never be granted"),
        ({"network": ["https://a/*/b"]}, "only its end may be *"),
        ({"network": ["https://a:0"]}, "is no port"),
        ({"network": "https://a"}, "permissions.network: must be a list"),
        ({"network": [3]}, "permissions.network[0]: must be text"),
        ({"filesystem": {"read": ["a"]}}, "'a' is no absolute path"),
        ({"filesystem": {"read": ["/a/../b"]}}, "is no absolute path"),
        ({"filesystem": {"read": ["/a/.."]}}, "is no absolute path"),
        ({"filesystem": {"read": ["//a"]}}, "is no absolute path"),
        ({"filesystem": {"write": ["/*/a"]}}, "is no absolute path"),
        ({"filesystem": {"write": ["/a\n"]}}, "is no absolute path"),
        ({"env": ["A B"]}, "'A B' is no name of an environment variable"),
        ({"secrets": {"a b": []}}, "is no name of a secret"),
        ({"secrets": {"A": "https://a"}}, "permissions.secrets.A: must be a list or a mapping"),
        ({"secrets": {"A": ["a"]}}, "'a' is no pattern"),
        ({"secrets": {"A": {"to": [], "revel": True}}}, "revel: unknown key (did you mean 'reveal'?)"),
        ({"calls": ["slack"]}, "'slack' is no type of an action"),
        ({"kv": "yes"}, "permissions.kv: must be true or false"),
        ({"netwrok": []}, "permissions.netwrok: unknown key (did you mean 'network'?)"),
        ([1], "permissions: must be a mapping"),
    ],
)
def test_faults_are_told(given, told):
    with pytest.raises(InvalidInput) as caught:
        parse(given)
    assert told in caught.value.message
