"""Which requests and addresses the default and the rules of egress.allow let through."""

from __future__ import annotations

import re
from ipaddress import ip_address
from pathlib import Path

import pytest
import yaml

from wfcore.egress.guard import Guard, Target
from wfcore.egress.ranges import Reach, reach
from wfcore.errors import Forbidden, InvalidConfig, InvalidInput, RetryableError

PUBLIC = "93.184.216.34"


def guard(*allow: str, default: str = "none", **dns: str) -> Guard:
    answers = {name.replace("__", "."): text.split() for name, text in dns.items()}
    return Guard(allow, default=default, resolve=lambda host: answers.get(host, [PUBLIC]))


def allowed(guard: Guard, url: str) -> bool:
    try:
        guard.check("GET", url)
    except Forbidden:
        return False
    return True


@pytest.mark.parametrize("part", ["/a-b_c.d~e", "/a?day=2026-02-06&to=b-c", "/a?x[0]=1|2&y=/?:@!$'()*+,;%20"])
def test_all_that_a_path_and_a_query_may_hold_is_sent_as_it_is(part: str) -> None:
    assert guard("http://x.example").check("get", f"http://x.example{part}").path == part


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("1.1.1.1", "public"),
        ("11.0.0.0", "public"),
        ("172.32.0.1", "public"),
        ("2606:4700::1111", "public"),
        ("10.0.0.1", "private"),
        ("127.0.0.1", "private"),
        ("172.31.255.255", "private"),
        ("::1", "private"),
        ("fd00::1", "private"),
        ("2001:db8::1", "private"),
        ("240.0.0.1", "private"),
        ("64:ff9b::5db8:d822", "private"),
        ("64:ff9b::a00:1", "never"),
        ("169.254.169.254", "never"),
        ("168.63.129.16", "never"),
        ("100.100.100.200", "never"),
        ("::ffff:1.1.1.1", "never"),
        ("::1.1.1.1", "never"),
        ("2002:101:101::1", "never"),
        ("2001:0:4136:e378::1", "never"),
        ("fe80::1", "never"),
        ("ff02::1", "never"),
        ("fd00:ec2::254", "never"),
        ("2606:4700::5efe:8.8.8.8", "never"),
        ("0.0.0.0", "never"),
        ("224.0.0.1", "never"),
    ],
)
def test_reach_of_an_address(address: str, expected: str) -> None:
    assert reach(ip_address(address)) is Reach(expected)


@pytest.mark.parametrize(
    ("rule", "yes", "no"),
    [
        ("https://api.example.com", "https://api.example.com/x?y", "https://api.example.com:8443/"),
        ("https://api.example.com", "https://API.example.com./", "http://api.example.com/"),
        ("https://*.example.com", "https://a.b.example.com/", "https://example.com/"),
        ("https://*.example.com", "https://a.example.com/", "https://aexample.com/"),
        ("*://example.com:*", "http://example.com:81/", "http://example.org/"),
        ("example.com", "http://example.com:81/", "http://example.org/"),
        ("example.com:8000-8002", "http://example.com:8002/", "http://example.com:8003/"),
        ("https://example.com/v1/*", "https://example.com/v1/a", "https://example.com/v2/a"),
        ("https://example.com/v1/*", "https://example.com/v1/a/../b", "https://example.com/v1/../v2"),
        ("https://example.com/v1/*", "https://example.com/v1/%20", "https://example.com/v1/%2e%2e/v2"),
        ("https://example.com/v1/*", "https://example.com/v1/", "https://example.com/v1/%2fv2"),
        ("https://example.com/v1/*", "https://example.com/v1/", "https://example.com/v1/%5c../v2"),
        ("https://example.com/v1", "https://example.com/v1?a=b", "https://example.com/v1/"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080/", "http://127.0.0.2:8080/"),
        ("http://[::1]:8080", "http://[0:0:0:0:0:0:0:1]:8080/", "http://[::1]:8081/"),
        ("http://localhost:8080", "http://localhost:8080/", "http://127.0.0.1:8080/"),
        ("10.20.0.0/16", "http://10.20.3.4:9/", "http://10.21.3.4:9/"),
        ("10.20.0.0/16", "http://in.example/", "http://public.example/"),
        ("fd12::/16", "http://[fd12::1]/", "http://[fd13::1]/"),
        ("fd12::1", "http://[fd12::1]/", "http://[fd12::2]/"),
        ("in.example at 10.20.0.0/16", "http://in.example/", "http://in2.example/"),
        ("*:80 at 10.20.0.0/16 10.22.0.0/16", "http://in2.example/", "http://in2.example:81/"),
    ],
)
def test_a_rule_grants_this_and_not_that(rule: str, yes: str, no: str) -> None:
    asked = guard(rule, in__example="10.20.0.9", in2__example="10.22.0.9")
    assert allowed(asked, yes)
    assert not allowed(asked, no)


def test_a_rule_may_name_methods() -> None:
    asked = guard("GET|HEAD https://api.example.com/v1/*", "POST 10.20.0.0/16", in__example="10.20.0.9")
    for method in ("GET", "HEAD", "get"):
        assert asked.check(method, "https://api.example.com/v1/a")
    for method, url in (
        ("POST", "https://api.example.com/v1/a"),
        ("DELETE", "https://api.example.com/v1/a"),
        ("GET", "https://api.example.com/v2/a"),
        ("GET", "http://in.example/"),
    ):
        with pytest.raises(Forbidden):
            asked.check(method, url)
    assert asked.check("POST", "http://in.example/")


def test_without_rules_public_addresses_are_allowed_and_all_others_not() -> None:
    asked = guard(default="public", private__example="10.0.0.1", both__example=f"10.0.0.1 {PUBLIC}")
    assert allowed(asked, "http://any.example:8080/")
    assert allowed(asked, "https://1.1.1.1/")
    assert not allowed(asked, "http://private.example/")
    assert not allowed(asked, "http://localhost/")
    assert asked.check("GET", "http://both.example/").addresses == (PUBLIC,)


def test_rules_add_to_the_default() -> None:
    asked = guard("http://10.0.0.5:8080", default="public")
    assert allowed(asked, "http://10.0.0.5:8080/")
    assert allowed(asked, "http://public.example/")
    assert not allowed(asked, "http://10.0.0.5/")


def test_a_name_rule_grants_no_private_address_and_the_message_says_what_would() -> None:
    asked = guard("https://db.example", db__example="10.0.0.9")
    with pytest.raises(Forbidden) as refused:
        asked.check("GET", "https://db.example/secret-path")
    assert refused.value.remedy == "add 'https://db.example at 10.0.0.9' to egress.allow"
    assert "10.0.0.9" in refused.value.message
    assert "secret-path" not in refused.value.message
    assert allowed(guard("https://db.example at 10.0.0.9", db__example="10.0.0.9"), "https://db.example/")


def test_metadata_is_refused_even_inside_a_granted_network() -> None:
    asked = guard("0.0.0.0/0", "::/0", meta__example="169.254.169.254")
    assert allowed(asked, "http://10.1.1.1/")
    assert allowed(asked, "http://[fd00::1]/")
    for url in ("http://169.254.169.254/", "http://meta.example/", "http://[fd00:ec2::254]/"):
        with pytest.raises(Forbidden, match="no rule can allow"):
            asked.check("GET", url)


def test_without_a_rule_no_name_is_looked_up() -> None:
    asked: list[str] = []
    closed = Guard(default="none", resolve=lambda host: asked.append(host) or [PUBLIC])
    with pytest.raises(Forbidden, match=r"add 'http://a\.example:8080' to egress\.allow"):
        closed.check("GET", "http://a.example:8080/")
    assert asked == []


def test_a_target_has_what_a_connection_needs() -> None:
    target = guard("http://x.example:81").check("get", "http://X.example:81/a/./b?q=1#f")
    assert target == Target("http", "x.example", 81, "x.example:81", "/a/b?q=1", (PUBLIC,))


def test_a_host_without_addresses_is_a_passing_failure() -> None:
    with pytest.raises(RetryableError, match="has no address") as failed:
        guard(default="public", gone__example="").check("GET", "http://gone.example/")
    assert failed.value.kind == "network"


@pytest.mark.parametrize(
    "rule",
    ["", "http://", "ftp://x.example", "http://x.example:0", "http://x.example:90-80", "http://x.example:99999",
     "http://*x.example", "http://x.*", "*.127.0.0.1", "http://0x7f.1", "10.0.0.1/8", "10.0.0.0/40",
     "169.254.0.0/16", "http://169.254.169.254", "x.example at", "x.example at 10.0.0.5/8", "http://u@x.example",
     "http://x.example/a/*/b", "http://x.example/a?b", "a b", 5, None, {"host": "x"}],
)  # fmt: skip
def test_a_rule_that_cannot_be_read_is_named(rule: object) -> None:
    with pytest.raises(InvalidConfig, match=r"^egress\.allow\[1\]: .+; write https://"):
        Guard(["x.example", rule])


def test_the_rules_of_the_guide_are_rules() -> None:
    page = (Path(__file__).parents[3] / "docs/how-to/egress.md").read_text()
    rows = re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE)
    rules = [row.replace("\\|", "|") for row in rows]
    configured = yaml.safe_load(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0])["egress"]
    assert len(rules) >= 9
    Guard([*rules, *configured["allow"]], default=configured["default"])


def test_the_list_and_the_default_are_checked() -> None:
    with pytest.raises(InvalidConfig, match=r"egress\.allow: it must be a list"):
        Guard("http://x.example")
    with pytest.raises(InvalidConfig, match=r"egress\.default: 'all'"):
        Guard(default="all")


@pytest.mark.parametrize(
    "url",
    ["", "x.example", "//x.example/", "http:/x.example", "http:x", "http://", "http:///a", "http://:80/",
     "http://x.example:/", "http://x.example:080/", "http://x.example:0/", "http://x.example:65536/",
     "http://x.example:8a/", "http://u:p@x.example/", "http://@x.example/", "http://x.example\\@y/",
     "http://x.example/a b", "http://x.example/\n", "http://x.example/\x7f", "http://x_\u00e9.example/",
     "http://x..example/", "http://.x.example/", "http://x.example../", "http://-x.example/", "http://x-.example/",
     "http://x%2eexample/", "http://[::1]x/", "http://[::1", "http://[fe80::1%25eth0]/", "http://[v1.x]/",
     "http://1.1/", "http://0x7f000001/", "http://1.1.1.1./", "http://256.1.1.1/", "http://01.1.1.1/",
     "http://x.example/%zz", "http://x.example/%", "http://x.example/\u00e9", "http://x.example/{a}",
     "http://x.example/?q=<", "http://" + "a" * 64 + ".example/", "http://x.example/" + "a" * 17000,
     "http://" + "a." * 130 + "example/", "ws://x.example/", "http://x.0x/", "http://x.9/"],
)  # fmt: skip
def test_a_url_outside_the_grammar_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(Forbidden) as refused:
        guard(default="public").check("GET", url)
    assert refused.value.remedy
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 300


@pytest.mark.parametrize("method", ["", "GE T", "GET\r\n", "CONNECT", "TRACE", 5, "GÉT"])
def test_a_method_that_cannot_be_sent_is_refused(method: str) -> None:
    with pytest.raises(InvalidInput, match=r"^method: "):
        guard(default="public").check(method, "http://x.example/")
