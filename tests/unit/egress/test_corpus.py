"""The shared corpus of hostile and harmless requests, under its own policies and its own DNS."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from wfcore.egress.guard import Guard
from wfcore.egress.http import Answer, Exchanges, Request
from wfcore.errors import InvalidConfig, WorkflowError

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "security"
CASES = (
    [json.loads(line) for line in (CORPUS / "ssrf.jsonl").read_text().splitlines()] if CORPUS.is_dir() else []
)
needs_corpus = pytest.mark.skipif(not CASES, reason="the shared corpus is not beside the repository")


def rules(policy: dict[str, Any]) -> list[str]:
    """A policy of the corpus in the words of egress.allow."""
    places = " ".join(policy["private_cidrs"])
    return [
        f"{scheme}://{host}:{'*' if ports == '1-65535' else ports}" + (f" at {places}" if places else "")
        for scheme in policy["schemes"]
        for host in policy["hosts"]
        for ports in policy["ports"].split(",")
    ]


class Dns:
    """Answers from the case, in turn when it has a sequence, and counts the questions."""

    def __init__(self, case: dict[str, Any]) -> None:
        self.fixed, self.turns, self.asked = case.get("dns", {}), case.get("dns_seq", {}), 0

    def __call__(self, host: str) -> list[str]:
        self.asked += 1
        if host in self.turns:
            return self.turns[host][min(self.asked - 1, len(self.turns[host]) - 1)]
        return self.fixed.get(host, [])


@needs_corpus
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_case(case: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    policy = json.loads((CORPUS / "policies.json").read_text())[case["policy"]]
    hops = {hop["url"]: hop for hop in case.get("redirects", [])}
    connected: list[str] = []

    def send(self: Exchanges, request: Request, addresses: tuple[str, ...], *_: Any) -> Answer:
        """No case may touch a network: the exchange itself answers from the case."""
        connected.extend(addresses)
        hop = hops.get(f"{request.scheme}://{request.netloc}{request.target}")
        return Answer(hop["status"], {"location": hop["location"]}, b"") if hop else Answer(200, {}, b"")

    monkeypatch.setattr(Exchanges, "send", send)
    dns, started = Dns(case), time.monotonic()
    guard = Guard(rules(policy), default="none", resolve=dns)
    try:
        guard.request(
            "GET", case["url"], headers=case.get("request_headers"), redirects=policy["max_redirects"]
        )
        outcome = "allow"
    except WorkflowError:
        outcome = "deny"
    assert outcome == case["expect"], case["why"]
    assert not set(connected) & set(case.get("never_connect", []))
    assert time.monotonic() - started < case.get("time_s", 5)
    assert dns.asked <= case.get("max_lookups", 99)
    if "connect" in case:
        assert connected == case["connect"]
    if outcome == "deny" and not hops:
        assert connected == []


@needs_corpus
def test_the_corpus_addresses_that_are_never_granted_cannot_be_configured() -> None:
    for cidr in json.loads((CORPUS / "policies.json").read_text())["never_cidrs"]:
        with pytest.raises(InvalidConfig, match="can never be granted"):
            Guard([cidr])
